// Verifying QStash's tokens: this host's verifier beside jose, in turns, on one core each.
//
//   node tests/bench/intake/verify.mjs BUILD [SECONDS] [ROUNDS]       after scripts/deps --npm
//
// jose checks MAC, issuer, subject and times, and the body's hash is compared as the Receiver of @upstash/qstash does; with one
// after the other, and with 64 at once, of which the better counts. This host's verifier has two keys and tries both.
import { execFileSync } from 'node:child_process'
import { createHash, createSecretKey } from 'node:crypto'
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
const key = createSecretKey(Buffer.from('sig_current'))
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
  let count = 0
  while (performance.now() - from < Number(seconds) * 1000) {
    for (let i = 0; i < 256; i += together) {
      await (together === 1 ? verifyOnce() : Promise.all(Array.from({ length: together }, verifyOnce)))
    }
    count += 256
  }
  return count * 1000 / (performance.now() - from)
}

const ours = () => Number(execFileSync(join(build, 'tests/bench/bench_verify'), [seconds, token, body, String(now)], { encoding: 'utf8' }))
const median = (numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)]
const results = { jobhost: [], jose: [], ratio: [] }
await jose(1) // warm
for (let i = 0; i < Number(rounds); i++) {
  const a = ours()
  const b = Math.max(await jose(1), await jose(64))
  results.jobhost.push(a)
  results.jose.push(b)
  results.ratio.push(a / b)
}
console.log(JSON.stringify({
  bench: 'verify', jobhost_per_s: Math.round(median(results.jobhost)), jose_per_s: Math.round(median(results.jose)),
  ratio: Number(median(results.ratio).toFixed(1)), node: process.version, rounds: Number(rounds),
}))
