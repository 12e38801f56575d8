// Verifying QStash's tokens: this host's verifier, in one thread, beside jose, whose hashing is on threads of Node.js; in turns.
//
//   node tests/bench/intake/verify.mjs BUILD [SECONDS] [ROUNDS]       after scripts/deps --npm
//
// jose checks MAC, issuer, subject and times, and the body's hash is compared as the Receiver of @upstash/qstash does. It is measured in
// the way that suits it best: with an imported CryptoKey, one after the other and 64 at once, of which the better counts. This host's
// verifier has two keys and tries both. Beside the rate stands the processor time of one verification, which other work disturbs less.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const require = createRequire(join(here, '../../e2e/node/package.json'))
const { jwtVerify, SignJWT } = await import(pathToFileURL(require.resolve('jose')))

const [build, seconds = '2', rounds = '5'] = process.argv.slice(2)
const url = 'https://jobs.example.com/hooks/h'
const body = JSON.stringify({ id: 'evt_1', text: 'x'.repeat(200) })
const now = Math.floor(Date.now() / 1000)
const key = await crypto.subtle.importKey('raw', Buffer.from('sig_current'), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
const hash = (text) => createHash('sha256').update(text).digest('base64url')
const token = await new SignJWT({ nbf: 0, body: `${hash(body)}=` }).setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
  .setIssuer('Upstash').setSubject(url).setIssuedAt(now).setExpirationTime(now + 3000).setJti('jwt_1')
  .sign(key)

async function verifyOnce() {
  const { payload } = await jwtVerify(token, key, { issuer: 'Upstash', subject: url })
  if (payload.body.replace(/=+$/, '') !== hash(body)) throw new Error('body')
}

async function jose(together) {
  const from = performance.now()
  const used = process.cpuUsage()
  let count = 0
  while (performance.now() - from < Number(seconds) * 1000) {
    for (let i = 0; i < 256; i += together) {
      await (together === 1 ? verifyOnce() : Promise.all(Array.from({ length: together }, verifyOnce)))
    }
    count += 256
  }
  const cpu = process.cpuUsage(used)
  return { rate: count * 1000 / (performance.now() - from), cpu: (cpu.user + cpu.system) / count }
}

function ours() {
  const [rate, cpu] = execFileSync(join(build, 'tests/bench/bench_verify'), [seconds, token, body, String(now)], { encoding: 'utf8' })
    .split(' ').map(Number)
  return { rate, cpu }
}

const median = (numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)]
const runs = []
await jose(1) // warm
for (let i = 0; i < Number(rounds); i++) {
  const a = ours()
  const b = [await jose(1), await jose(64)]
  runs.push({ a, rate: Math.max(...b.map((x) => x.rate)), cpu: Math.min(...b.map((x) => x.cpu)) })
}
const of = (read, digits) => Number(median(runs.map(read)).toFixed(digits))
console.log(JSON.stringify({
  bench: 'verify', jobhost_per_s: of((r) => r.a.rate, 0), jose_per_s: of((r) => r.rate, 0), ratio: of((r) => r.a.rate / r.rate, 1),
  jobhost_us: of((r) => r.a.cpu, 2), jose_us: of((r) => r.cpu, 2), ratio_of_processor_time: of((r) => r.cpu / r.a.cpu, 1),
  node: process.version, rounds: Number(rounds),
}))
