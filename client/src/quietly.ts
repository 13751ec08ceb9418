// Nothing that breaks in here may break the page: the join goes on without being reported.

/** Runs `work`; what it throws is swallowed and gives undefined. */
export function quietly<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
