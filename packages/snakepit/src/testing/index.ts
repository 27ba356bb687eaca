export {
  type FakeAdapter,
  type FakeAdapterOptions,
  type FakeHandler,
  fakeAdapter,
} from "./fake-adapter.ts";
