// Web storage; every name begins with "joinwatch:". Where a browser refuses it, nothing is kept and nothing breaks.

import { quietly } from "./quietly";

export const KEPT_MS = 48 * 3600e3;

export type Area = "sessionStorage" | "localStorage";

/** The value under a name; null or undefined where there is none, or none that can be read. */
export function read<T>(area: Area, name: string): T | null | undefined {
  return quietly(() => JSON.parse(window[area].getItem(name)!) as T | null);
}

/** Keeps a value, or removes it where it is undefined. Says whether that was done. */
export function write(area: Area, name: string, value?: unknown): true | undefined {
  return quietly(() => {
    if (value === undefined) window[area].removeItem(name);
    else window[area].setItem(name, JSON.stringify(value));
    return true;
  });
}

/** Whether it was kept less than two days ago, by the wall clock. */
export function isRecent({ wall }: { wall: number }): boolean {
  return Math.abs(Date.now() - wall) < KEPT_MS;
}

/** What is kept under names that begin so, oldest first; what is too old or unreadable is removed by `giveUp`. */
export function all<T extends { wall: number }>(
  area: Area,
  kind: string,
  giveUp: (name: string) => unknown = (name) => write(area, name),
): [string, T][] {
  const found: [string, T][] = [];
  for (const name of quietly(() => Object.keys(window[area])) ?? []) {
    if (!name.startsWith(kind)) continue;
    const value = read<T>(area, name);
    if (value && isRecent(value)) found.push([name, value]);
    else giveUp(name);
  }
  return found.sort(([, one], [, other]) => one.wall - other.wall);
}
