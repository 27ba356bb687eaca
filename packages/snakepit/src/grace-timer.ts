/**
 * Calls back after `graceMs` in which the event loop could have brought the news that is waited
 * for. In two halves, because a loop that was blocked finds its timers due before it looks at
 * sockets and signals: the second half then still leaves time to look. Does not keep the loop
 * alive.
 */
export function graceTimer(graceMs: number, expire: () => void): Disposable {
  let timer = setTimeout(() => {
    timer = setTimeout(expire, graceMs / 2).unref();
  }, graceMs / 2).unref();
  return {
    [Symbol.dispose]() {
      clearTimeout(timer);
    },
  };
}
