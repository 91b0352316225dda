// What both peers share: what their accounts do, and the fold of it, which shares no code with rebuild_projection.

export const writers = 8;
export const accounts = 40;

/// The messages of one append of one writer: one to five, of one account. Names are taken by several accounts, so that the
/// last one depends on the order of all streams.
export function draw(random) {
  const account = `account-${Math.floor(random() * accounts)}`;
  const messages = [];
  for (let left = 1 + Math.floor(random() * 5); left > 0; --left) {
    const what = random();
    if (what < 0.7) messages.push({ type: "Moved", data: { cents: Math.floor(random() * 20001) - 10000 } });
    else if (what < 0.95) messages.push({ type: "Renamed", data: { name: `name ${Math.floor(random() * 25)}` } });
    else messages.push({ type: "Closed", data: {} });
  }
  return { account, messages };
}

/// The same numbers for the same seed (mulberry32).
export function randomOf(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/// Messages, as { stream, type, data } in their order, to the rows of both tables, as psql prints them, sorted.
export function fold(messages) {
  const rows = new Map();
  const names = new Map();
  for (const { stream, type, data } of messages) {
    if (type === "Closed") {
      rows.delete(stream);
      continue;
    }
    const row = rows.get(stream) ?? { cents: 0, moves: 0, name: "" };
    if (type === "Moved") {
      row.cents += data.cents;
      row.moves += 1;
    } else if (type === "Renamed") {
      row.name = data.name;
      names.set(data.name, stream);
    }
    rows.set(stream, row);
  }
  return [
    ...[...rows].map(([stream, row]) => `account|${stream}|${row.cents}|${row.moves}|${row.name}`),
    ...[...names].map(([name, stream]) => `name|${name}|${stream}`),
  ].sort();
}
