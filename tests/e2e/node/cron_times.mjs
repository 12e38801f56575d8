// Reads [[expression, zone, start]] from standard input; writes for each what croner and cron-parser say comes next, five times each, or null
// where one of them does not take it.
import { CronExpressionParser } from "cron-parser";
import { Cron } from "croner";

const COUNT = 5;

function attempt(times) {
  try {
    return times().map((time) => time.toISOString());
  } catch {
    return null;
  }
}

function byCroner(expression, timezone, start) {
  return new Cron(expression, { timezone, paused: true }).nextRuns(COUNT, new Date(start));
}

function byParser(expression, tz, start) {
  const one = CronExpressionParser.parse(expression, { tz, currentDate: new Date(start) });
  return Array.from({ length: COUNT }, () => one.next().toDate());
}

let text = "";
for await (const part of process.stdin) {
  text += part;
}
console.log(JSON.stringify(JSON.parse(text).map((args) => [attempt(() => byCroner(...args)), attempt(() => byParser(...args))])));
