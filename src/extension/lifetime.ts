/** Events and disposal without `vscode`, so that what uses them is tested in plain Node. */
export interface Disposable {
  dispose(): void;
}

export type Event<T> = (listener: (value: T) => void) => Disposable;

export class Emitter<T> {
  private readonly listeners = new Set<(value: T) => void>();

  readonly event: Event<T> = (listener) => {
    this.listeners.add(listener);
    return { dispose: () => void this.listeners.delete(listener) };
  };

  fire(value: T): void {
    for (const listener of [...this.listeners]) listener(value);
  }

  dispose(): void {
    this.listeners.clear();
  }
}

/** Owns disposables; what is added after disposal is disposed at once. */
export class DisposableStore implements Disposable {
  private readonly items: Disposable[] = [];
  private disposed = false;

  add<T extends Disposable>(item: T): T {
    if (this.disposed) item.dispose();
    else this.items.push(item);
    return item;
  }

  dispose(): void {
    this.disposed = true;
    for (const item of this.items.splice(0).reverse()) item.dispose();
  }
}

/** Runs `work` once after `delayMs` without another call. */
export function debounce(delayMs: number, work: () => void): Disposable & { (): void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const trigger = () => {
    clearTimeout(timer);
    timer = setTimeout(work, delayMs);
  };
  return Object.assign(trigger, { dispose: () => clearTimeout(timer) });
}

/** Runs `work` at once, and after it at most once every `everyMs`, however often it is called; the last call is not lost. */
export function throttle(everyMs: number, work: () => void): Disposable & { (): void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isWanted = false;
  const trigger = () => {
    if (timer !== undefined) {
      isWanted = true;
      return;
    }
    timer = setTimeout(() => {
      timer = undefined;
      if (!isWanted) return;
      isWanted = false;
      trigger();
    }, everyMs);
    work();
  };
  return Object.assign(trigger, { dispose: () => clearTimeout(timer) });
}

/** Never runs `work` twice at once: calls that come during a run share one more run after it. */
export function coalesce(work: () => Promise<void>): () => Promise<void> {
  let current: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const start = (): Promise<void> => {
    current = work().finally(() => (current = undefined));
    return current;
  };
  return () => {
    if (current === undefined) return start();
    next ??= current
      .catch(() => undefined) // the first caller was told
      .then(() => {
        next = undefined;
        return start();
      });
    return next;
  };
}

/** Calls `work` the first time only. */
export function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    work();
  };
}
