// Puts a function of ours in front of one of the SDK's: same `this`, same arguments, same results.

import { quietly } from "./quietly";

export type Joining = (this: unknown, ...given: unknown[]) => unknown;
type Around = (original: Joining, self: unknown, given: unknown[]) => unknown;

/** Whether a Proxy must show a property as it is (ECMAScript 10.5.8). */
export function isFixed(target: object, name: PropertyKey): boolean {
  const own = Object.getOwnPropertyDescriptor(target, name);
  return own?.configurable === false && !own.writable && !own.get;
}

const done = new WeakMap<object, object>();

/**
 * An object whose method `name` goes through `around`: the object itself where its method can be replaced, or a Proxy
 * around it where it answers for itself (ZoomMtg of 6.2.0 is such a Proxy, and gives its own `join` whatever is set).
 * Asked again, it gives the same.
 */
export function replaced<T extends object>(object: T, around: Around, name = "join"): T {
  const known = done.get(object);
  if (known) return known as T;
  const original = (object as Record<string, Joining>)[name]!;
  const standIn = like(original, function (this: unknown, ...given: unknown[]) {
    return around(original, this === result ? object : this, given);
  }) as Joining;
  quietly(() => ((object as Record<string, Joining>)[name] = standIn));
  const result =
    (object as Record<string, Joining>)[name] === standIn || isFixed(object, name)
      ? object
      : new Proxy(object, { get: (target, key) => (key === name ? standIn : (Reflect.get(target, key) as unknown)) });
  done.set(object, result);
  done.set(result, result);
  return result;
}

/** Gives a function that stands in for another that one's name, number of parameters and other properties. */
export function like<T extends Function>(original: T, standIn: Function): T {
  quietly(() => Object.defineProperties(standIn, Object.getOwnPropertyDescriptors(original)));
  return standIn as T;
}
