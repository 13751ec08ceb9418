// The scale of leads, as scale.py has it: linear about 0, compressed beyond.

export const LINEAR = 120;
const BEYOND = 0.35;
const TICKS = [30, 60, 120, 600, 3600, 14400, 50400, 172800, 864000, 8640000, 86400000];
const LEAST = [-60, 50];
const PAD = 0.1;

/** Where a lead in seconds stands. */
export function place(lead) {
  const size = Math.abs(lead);
  return size <= LINEAR ? lead : Math.sign(lead) * LINEAR * (1 + BEYOND * Math.log(size / LINEAR));
}

/** From where to where a picture of these leads reaches, in places. */
export function extent(leads) {
  let [low, high] = LEAST;
  for (const lead of leads) {
    if (lead < low) low = lead;
    if (lead > high) high = lead;
  }
  low = place(low);
  high = place(high);
  const pad = PAD * (high - low);
  return [low - pad, high + pad];
}

/** Leads for lines at least so far apart, in places; 0 is one of them. */
export function ticks(low, high, apart) {
  const found = [0];
  for (const sign of [1, -1]) {
    let last = 0;
    for (const each of TICKS) {
      const at = place(sign * each);
      if (low <= at && at <= high && Math.abs(at - last) >= apart) {
        found.push(sign * each);
        last = at;
      }
    }
  }
  return found.sort((a, b) => a - b);
}

const UNITS = [['d', 86400, 2], ['h', 3600, 1], ['min', 60, 1], ['s', 1, 0]];

/** As short as can be: "+30 s", "0", "−2 min", "+14 h". */
export function label(lead) {
  if (!lead) return '0';
  const size = Math.abs(lead);
  const [unit, length] = UNITS.find(([, each, least]) => size >= each * least);
  return `${lead > 0 ? '+' : '−'}${Math.round(size / length).toLocaleString('en')} ${unit}`;
}

/** Where iat stood at the join, in words, as words.py writes it. */
export function told(age) {
  if (age === null) return 'iat: not known';
  const size = Math.abs(age);
  const unit = [['years', 31556952], ['days', 86400], ['h', 3600], ['min', 60]].find(([, length]) => size >= 2 * length);
  const span = unit ? `${Number((size / unit[1]).toPrecision(3))} ${unit[0]}` : `${size.toFixed(size < 9.95 ? 1 : 0)} s`;
  return `iat ${span} ${age >= 0 ? 'ago' : 'ahead'}`;
}
