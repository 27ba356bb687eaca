/** Runs in piscina's thread. */
export default function add({ a, b }) {
  return a + b;
}
