// One backend's picture: uPlot has the axes, the sizes and the zoom; the dots are drawn here.

import { extent, label, LINEAR, place, ticks, told } from './scale.js';

// What failed lies above what joined.
const OUTCOMES = ['no_result', 'joined', 'other_failure', 'signature_expired', 'invalid_signature'];
const NAMES = {
  joined: 'joined', invalid_signature: 'signature invalid (3712)', signature_expired: 'signature expired (3705)',
  other_failure: 'failed otherwise', no_result: 'no result',
};
const circle = (path, x, y, r) => { path.moveTo(x + r, y); path.arc(x, y, r, 0, 2 * Math.PI); };
const SHAPES = {
  joined: (path, x, y, r) => circle(path, x, y, 0.85 * r),
  no_result: circle,
  invalid_signature: (path, x, y, r) => {
    path.moveTo(x - r, y - r); path.lineTo(x + r, y + r); path.moveTo(x - r, y + r); path.lineTo(x + r, y - r);
  },
  signature_expired: (path, x, y, r) => {
    const far = 1.4 * r;
    path.moveTo(x, y - far); path.lineTo(x + far, y); path.lineTo(x, y + far); path.lineTo(x - far, y); path.closePath();
  },
  other_failure: (path, x, y, r) => path.rect(x - r, y - r, 2 * r, 2 * r),
};
// Pixels: of a dot, of the lane for joins without a lead, around a dot that is pointed at.
const RADIUS = 2.7;
const LANE = 18;
const NEAR = 12;

const two = (number) => String(number).padStart(2, '0');

function clock(at) {
  const when = new Date(at * 1000);
  return `${two(when.getUTCHours())}:${two(when.getUTCMinutes())}:${two(when.getUTCSeconds())} UTC`;
}

function timeLabels(_plot, splits, _axis, _space, step) {
  return splits.map((at) => step >= 86400 ? new Date(at * 1000).toISOString().slice(5, 10) : clock(at).slice(0, step < 60 ? 8 : 5));
}

/** Joins as they are drawn: in the order of time, each with its place; null in the lane. */
export function placed(joins) {
  const found = joins.filter((join) => !join.late).map((join) => ({
    join,
    at: join.joined_at ?? join.received_at,
    y: join.token_age_s === null ? null : place(-join.token_age_s),
  }));
  return found.sort((a, b) => a.at - b.at);
}

export class Dots {
  /** `room` is the element that it fills; `name` what it is a picture of. */
  constructor(room, name) {
    this.room = room;
    this.points = [];
    this.whole = [0, 1];
    this.heights = [-60, 60];
    this.zoomed = null;
    this.chosen = -1;
    this.plot = new uPlot(this.options(), [[], []], room);
    this.over = this.plot.over;
    this.tip = this.add('div', 'tip');
    this.ring = this.add('div', 'ring');
    this.readout = this.add('p', 'unseen');
    this.readout.hidden = false;
    this.readout.setAttribute('role', 'status');
    this.over.tabIndex = 0;
    this.over.setAttribute('role', 'application');
    this.over.setAttribute('aria-label', `Joins of ${name}, leads over time. Left and right: from join to join; up and down: `
      + 'from one failed join to the next; Enter: the story of the join; Escape: the whole time.');
    const listen = (what, does) => this.over.addEventListener(what, does);
    listen('mousemove', (event) => this.choose(this.nearest(event)));
    listen('mouseleave', () => this.choose(-1));
    listen('blur', () => this.choose(-1));
    listen('keydown', (event) => this.key(event));
    listen('click', () => this.open());
    listen('dblclick', () => this.zoom(null));
    new ResizeObserver(() => this.plot.setSize(this.size())).observe(room);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.plot.redraw(false, true));
  }

  /** The joins of the time from `begin` to `end`, as `placed` gives them. */
  show(points, begin, end) {
    const kept = this.points[this.chosen]?.join;
    this.points = points;
    this.whole = [begin, end];
    const leads = points.filter((point) => point.y !== null).map((point) => -point.join.token_age_s);
    const [low, high] = extent(leads);
    // Room for the lane, as much as it takes in these places.
    const inner = Math.max(this.room.clientHeight - 40, LANE + 20);
    this.heights = [low - (high - low) * LANE / (inner - LANE), high];
    this.plot.batch(() => {
      this.plot.setData([points.map((point) => point.at), points.map((point) => point.y)], false);
      this.plot.setScale('y', { min: this.heights[0], max: this.heights[1] });
      this.zoom(this.zoomed);
    });
    this.choose(kept ? points.findIndex((point) => point.join === kept) : -1, false);
  }

  add(tag, name) {
    return this.room.appendChild(Object.assign(document.createElement(tag), { className: name, hidden: true }));
  }

  size() {
    return { width: Math.max(this.room.clientWidth, 160), height: this.room.clientHeight };
  }

  options() {
    const colour = (name) => () => this.colour(name);
    const plain = { stroke: colour('muted'), font: '11px system-ui, sans-serif', ticks: { show: false } };
    return {
      ...this.size(),
      padding: [22, 20, 0, 0],
      legend: { show: false },
      cursor: { x: false, y: false, points: { show: false }, drag: { x: true, y: false, dist: 6, setScale: false }, bind: { dblclick: () => null } },
      scales: { x: { time: true }, y: { auto: false } },
      axes: [
        { ...plain, size: 28, space: 70, values: timeLabels, grid: { stroke: colour('line'), width: 1 } },
        {
          ...plain,
          size: 62,
          splits: (plot) => this.levels(plot).map(place),
          values: (plot) => this.levels(plot).map(label),
          grid: { stroke: colour('line'), width: 1 },
        },
      ],
      series: [{}, { paths: () => null, points: { show: false } }],
      hooks: {
        drawClear: [(plot) => this.ground(plot)],
        draw: [(plot) => this.dots(plot)],
        setSelect: [(plot) => {
          const { left, width } = plot.select;
          if (width > 5) this.zoom([plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x')]);
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        }],
      },
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), 'Etc/UTC'),
    };
  }

  colour(name) {
    return getComputedStyle(this.room).getPropertyValue(`--${name}`).trim();
  }

  /** The leads at which there are lines. */
  levels(plot) {
    const inner = plot.over.clientHeight || 1;
    const [low, high] = this.heights;
    return ticks(low + (high - low) * (LANE + 8) / inner, high, 18 * (high - low) / inner);
  }

  zoom(range) {
    this.zoomed = range;
    const [min, max] = range ?? this.whole;
    this.plot.setScale('x', { min, max });
  }

  /** Where iat is still ahead, the edges of the linear part, and the lane. */
  ground(plot) {
    const { ctx, bbox } = plot;
    const zero = plot.valToPos(0, 'y', true);
    ctx.save();
    ctx.globalAlpha = 0.06;
    ctx.fillStyle = this.colour('accent');
    ctx.fillRect(bbox.left, bbox.top, bbox.width, zero - bbox.top);
    ctx.globalAlpha = 1;
    ctx.fillStyle = this.colour('muted');
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.textAlign = 'left';
    ctx.textBaseline = 'alphabetic';
    ctx.fillText('↑ iat still ahead of the join', bbox.left, bbox.top - 8 * devicePixelRatio);
    ctx.restore();
  }

  dots(plot) {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    const lane = bbox.top + bbox.height - LANE * ratio / 2;
    const colours = { ink: this.colour('ink'), accent: this.colour('accent'), calm: this.colour('calm'), muted: this.colour('muted'), line: this.colour('line') };
    const paths = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, new Path2D()]));
    const { min, max } = plot.scales.x;
    const across = bbox.width / (max - min);
    const zero = plot.valToPos(0, 'y', true);
    const up = zero - plot.valToPos(1, 'y', true);
    this.xs = new Float32Array(this.points.length);
    this.ys = new Float32Array(this.points.length);
    // Of those of one outcome that fall on the same spot, one is drawn.
    const taken = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, new Uint8Array((bbox.width + 1) * (bbox.height + 1))]));
    this.points.forEach(({ join, at, y }, number) => {
      const left = (Math.max(at, this.whole[0]) - min) * across;
      const top = (y === null ? lane : zero - y * up) - bbox.top;
      this.xs[number] = left / ratio;
      this.ys[number] = top / ratio;
      const spot = Math.round(top) * Math.ceil(bbox.width) + Math.round(left);
      if (left < 0 || left > bbox.width || !taken[join.outcome] || taken[join.outcome][spot]) return;
      taken[join.outcome][spot] = 1;
      SHAPES[join.outcome](paths[join.outcome], bbox.left + left, bbox.top + top, RADIUS * ratio);
    });
    ctx.save();
    ctx.lineWidth = ratio;
    ctx.strokeStyle = colours.muted;
    this.rule(ctx, bbox.left, zero, bbox.width);
    ctx.strokeStyle = colours.line;
    this.rule(ctx, bbox.left, lane - LANE * ratio / 2, bbox.width);
    ctx.fillStyle = colours.muted;
    ctx.font = `${11 * ratio}px system-ui, sans-serif`;
    ctx.textAlign = 'right';
    ctx.textBaseline = 'middle';
    ctx.fillText('no lead', bbox.left - 8 * ratio, lane);
    for (const edge of [-LINEAR, LINEAR]) {
      const y = zero - edge * up;
      if (y > bbox.top && y < lane - LANE * ratio) this.rule(ctx, bbox.left - 5 * ratio, y, 10 * ratio, colours.muted);
    }
    ctx.lineWidth = 1.5 * ratio;
    ctx.globalAlpha = 0.55;
    ctx.strokeStyle = colours.ink;
    ctx.stroke(paths.no_result);
    ctx.globalAlpha = 0.8;
    ctx.fillStyle = colours.calm;
    ctx.fill(paths.joined);
    ctx.globalAlpha = 1;
    ctx.stroke(paths.other_failure);
    ctx.fillStyle = colours.ink;
    ctx.fill(paths.signature_expired);
    ctx.strokeStyle = colours.accent;
    ctx.stroke(paths.invalid_signature);
    ctx.restore();
  }

  rule(ctx, x, y, width, colour) {
    if (colour) ctx.strokeStyle = colour;
    ctx.beginPath();
    ctx.moveTo(x, y);
    ctx.lineTo(x + width, y);
    ctx.stroke();
  }

  nearest(event) {
    const box = this.over.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let [best, least] = [-1, NEAR * NEAR];
    for (let number = 0; number < this.points.length; number += 1) {
      const far = (this.xs[number] - x) ** 2 + (this.ys[number] - y) ** 2;
      if (far < least) [best, least] = [number, far];
    }
    return best;
  }

  key(event) {
    const steps = { ArrowLeft: [-1, false], ArrowRight: [1, false], ArrowUp: [-1, true], ArrowDown: [1, true] }[event.key];
    if (event.key === 'Enter') this.open();
    else if (event.key === 'Escape') { this.choose(-1); this.zoom(null); }
    else if (steps) this.step(...steps);
    else return;
    event.preventDefault();
  }

  /** The next join that way, from the latest one where none is chosen. */
  step(way, failed) {
    let number = this.chosen < 0 ? (way < 0 ? this.points.length : -1) : this.chosen;
    do number += way;
    while (failed && this.points[number] && ['joined', 'no_result'].includes(this.points[number].join.outcome));
    if (this.points[number]) this.choose(number, true);
  }

  choose(number, aloud = false) {
    this.chosen = number;
    const point = this.points[number];
    this.tip.hidden = this.ring.hidden = !point;
    this.over.style.cursor = point ? 'pointer' : '';
    if (!point || !this.xs) return;
    const { join } = point;
    const [x, y] = [this.xs[number] + this.over.offsetLeft, this.ys[number] + this.over.offsetTop];
    this.ring.style.left = `${x}px`;
    this.ring.style.top = `${y}px`;
    const words = [`${NAMES[join.outcome]}${join.outcome === 'other_failure' && join.code ? ` (${join.code})` : ''}`, told(join.token_age_s), clock(point.at)];
    this.tip.replaceChildren(...words.map((text, line) => Object.assign(document.createElement(line ? 'div' : 'b'), { textContent: text })));
    const beside = x + 14 + this.tip.offsetWidth > this.room.clientWidth ? x - 14 - this.tip.offsetWidth : x + 14;
    this.tip.style.left = `${Math.max(0, beside)}px`;
    this.tip.style.top = `${Math.max(0, Math.min(y - 10, this.room.clientHeight - this.tip.offsetHeight))}px`;
    if (aloud) this.readout.textContent = words.join(', ');
  }

  open() {
    const point = this.points[this.chosen];
    if (point) location.assign(`/joins/${encodeURIComponent(point.join.receipt)}`);
  }
}
