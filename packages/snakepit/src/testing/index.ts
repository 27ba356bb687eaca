export { validateAdapter } from "../validate-adapter.ts";
export { adapterContract, type ContractCase } from "./adapter-contract.ts";
export type { Absent, AdapterContractOptions, ContractCall } from "./contract/options.ts";
export {
  type FakeAdapter,
  type FakeAdapterOptions,
  type FakeHandler,
  fakeAdapter,
} from "./fake-adapter.ts";
export { type FakeClock, fakeClock } from "./fake-clock.ts";
export {
  type FakeLauncher,
  type FakeLauncherOptions,
  type FakeProgramContext,
  type FakeWorker,
  fakeLauncher,
} from "./fake-launcher.ts";
export type { StoreContractOptions } from "./store-contract/options.ts";
export { storeContract } from "./store-contract.ts";
