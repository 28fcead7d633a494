/** Shares few connections among many pictures. */

/**
 * A browser opens at most six connections to one server. A live picture holds one for as long as it
 * runs, so pictures must leave some for everything else; those beyond the limit take turns.
 */
export class Slots {
  private free: number;
  private readonly queue: (() => void)[] = [];

  constructor(count: number) {
    this.free = count;
  }

  /** Whether somebody waits: whoever has had a turn should give way. */
  get contended(): boolean {
    return this.queue.length > 0;
  }

  /** Whether whoever comes now has to wait. */
  get taken(): boolean {
    return this.free === 0;
  }

  /** Resolves with what gives the slot back; rejects when `signal` says so before. */
  async acquire(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.free > 0) this.free -= 1;
    else await this.turn(signal);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const next = this.queue.shift();
      if (next) next();
      else this.free += 1;
    };
  }

  private turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.queue.splice(this.queue.indexOf(granted), 1);
        reject(signal.reason);
      };
      const granted = () => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      signal.addEventListener("abort", leave, { once: true });
      this.queue.push(granted);
    });
  }
}
