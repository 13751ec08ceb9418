// Keeps the status page up to date: the same page is asked for again and its parts are put in place; new joins come from /api/joins.

import { Dots, placed } from './dots.js';

const EVERY_MS = 5000;
const WHOLE_EVERY_MS = 300_000;
// A result that was received before what is known may be committed after it.
const OVERLAP_S = 15;
const LEAST_S = 300;

const root = document.getElementById('backends');
const seconds = Number(root.dataset.seconds);
const joins = new Map();
const pictures = new Map();
const pause = document.getElementById('pause');
const fresh = document.querySelector('.fresh');
let lastJoins = null;
let lastWhole = null;
let paused = false;
let timer;

const frame = () => new Promise((resolve) => { requestAnimationFrame(resolve); });

/** The joins have changed, or the time has; one picture in each frame, so that none holds up the page. */
async function draw(until) {
  const of = new Map();
  // A young ledger fills the picture, down to five minutes.
  let begin = until - Math.min(LEAST_S, seconds);
  for (const [key, join] of joins) {
    if (join.received_at < until - seconds) { joins.delete(key); continue; }
    if (!join.late) begin = Math.min(begin, Math.max(join.joined_at ?? join.received_at, until - seconds));
    if (of.has(join.backend)) of.get(join.backend).push(join);
    else of.set(join.backend, [join]);
  }
  let drawn = 0;
  for (const room of root.querySelectorAll('[data-plot]')) {
    const name = room.dataset.plot;
    if (pictures.get(name)?.room !== room) pictures.set(name, new Dots(room, name));
    if (drawn > 0 && !document.hidden) await frame();
    drawn += 1;
    pictures.get(name).show(placed(of.get(name) ?? []), begin, until);
  }
}

async function fetchJoins() {
  const now = performance.now();
  const whole = lastWhole === null || now - lastWhole > WHOLE_EVERY_MS;
  const since = whole ? seconds : Math.min(seconds, Math.ceil((now - lastJoins) / 1000) + OVERLAP_S);
  const reply = await fetch(`/api/joins?since=${Math.ceil(since)}s`);
  if (!reply.ok) throw new Error(`/api/joins: ${reply.status}`);
  const told = await reply.json();
  if (told.joins === null) return;
  if (whole) { joins.clear(); lastWhole = now; }
  lastJoins = now;
  for (const join of told.joins) joins.set(`${join.receipt} ${join.id}`, join);
  await draw(Date.parse(told.generated_at) / 1000);
}

/** The parts of the new page that differ, in place of the old ones; pictures, focus and what is unfolded stay. */
function renew(text) {
  const page = new DOMParser().parseFromString(text, 'text/html');
  const articles = new Map([...root.querySelectorAll('article')].map((each) => [each.dataset.backend, each]));
  const wanted = [...page.querySelectorAll('#backends > article')];
  for (const article of wanted) {
    const old = articles.get(article.dataset.backend);
    articles.delete(article.dataset.backend);
    if (old && old.className !== article.className) old.className = article.className;
    if (!old) root.append(document.adoptNode(article));
  }
  for (const gone of articles.values()) gone.remove();
  const order = wanted.map((article) => root.querySelector(`article[data-backend="${CSS.escape(article.dataset.backend)}"]`));
  const now = [...root.querySelectorAll(':scope > article')];
  if (order.some((article, number) => article !== now[number])) root.append(...order);
  for (const part of page.querySelectorAll('[data-live]')) {
    const old = document.querySelector(`[data-live="${CSS.escape(part.dataset.live)}"]`);
    if (!old) continue;
    if (old.className !== part.className) old.className = part.className;
    if (old.innerHTML === part.innerHTML) continue;
    const scrolled = [...old.querySelectorAll('.scroll')].map((each) => each.scrollLeft);
    const within = [...old.querySelectorAll('a, [tabindex]')].indexOf(document.activeElement);
    old.replaceChildren(...part.childNodes);
    old.querySelectorAll('.scroll').forEach((each, number) => { each.scrollLeft = scrolled[number] ?? 0; });
    if (within >= 0) old.querySelectorAll('a, [tabindex]')[within]?.focus({ preventScroll: true });
  }
  const news = page.querySelector('.answer h1')?.textContent.trim().replace(/\s+/g, ' ');
  const told = document.getElementById('news');
  if (told.dataset.told !== undefined && told.dataset.told !== news) told.textContent = news;
  told.dataset.told = news;
  document.title = page.title;
}

async function fetchPage() {
  const reply = await fetch(location.href, { headers: { Accept: 'text/html' } });
  if (!reply.ok) throw new Error(`the page: ${reply.status}`);
  renew(await reply.text());
}

async function turn() {
  clearTimeout(timer);
  const began = performance.now();
  try {
    await (lastJoins === null ? fetchJoins() : Promise.all([fetchJoins(), fetchPage()]));
    fresh.classList.remove('stale');
  } catch {
    fresh.classList.add('stale');
    const text = 'no answer: what is shown is old';
    if (!fresh.firstElementChild.textContent.startsWith(text)) fresh.firstElementChild.prepend(`${text}; `);
  }
  // A long time takes the ledger long to count: the page asks the less often.
  const wait = Math.max(EVERY_MS, 10 * (performance.now() - began));
  if (!paused && !document.hidden) timer = setTimeout(turn, wait);
}

pause.hidden = false;
pause.addEventListener('click', () => {
  paused = !paused;
  pause.textContent = paused ? 'Go on' : 'Pause';
  if (paused) clearTimeout(timer);
  else turn();
});
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && !paused) turn();
});
turn();
