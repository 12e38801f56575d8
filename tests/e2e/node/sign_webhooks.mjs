// Signs deliveries with the packages that real senders use, and prints them as JSON: [{package, verify, target, headers, body}].
// Arguments: the present in Unix seconds.
import { createHash } from 'node:crypto'
import { sign as signGithub } from '@octokit/webhooks-methods'
import { SignJWT } from 'jose'
import { Webhook as StandardWebhook } from 'standardwebhooks'
import Stripe from 'stripe'
import { Webhook as SvixWebhook } from 'svix'
import twilioWebhooks from 'twilio/lib/webhooks/webhooks.js'

const now = Number(process.argv[2])
const date = new Date(now * 1000)
const whsec = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const url = 'https://jobs.example.com/hooks/h'
const body = JSON.stringify({ id: 'evt_1', text: 'grüße, 你好', n: 1.5 })
const deliveries = []
const add = (name, verify, headers, more = {}) =>
  deliveries.push({ package: name, verify, target: '/hooks/h', headers, body, ...more })

add('standardwebhooks', { standard_webhooks: whsec }, {
  'webhook-id': 'msg_1', 'webhook-timestamp': String(now),
  'webhook-signature': new StandardWebhook(whsec).sign('msg_1', date, body),
})
add('svix', { svix: whsec }, {
  'svix-id': 'msg_2', 'svix-timestamp': String(now), 'svix-signature': new SvixWebhook(whsec).sign('msg_2', date, body),
})
add('@octokit/webhooks-methods', { github: 'github-secret' }, {
  'X-Hub-Signature-256': await signGithub('github-secret', body), 'X-GitHub-Delivery': 'd-1',
})
add('stripe', { stripe: 'whsec_stripe' }, {
  'Stripe-Signature': new Stripe('sk_test_1').webhooks.generateTestHeaderString({
    payload: body, secret: 'whsec_stripe', timestamp: now,
  }),
})

const params = { From: '+14158675309', To: '+18005551212', Body: 'a & b = c', Media: ['2', '1'] }
const form = new URLSearchParams()
for (const [name, value] of Object.entries(params)) {
  for (const one of [value].flat()) form.append(name, one)
}
const twilio = { twilio: { secret: 'twilio-token', public_url: url, allow_sha1: true } }
add('twilio, a form', twilio, {
  'X-Twilio-Signature': twilioWebhooks.getExpectedTwilioSignature('twilio-token', `${url}?a=1`, params),
  'Content-Type': 'application/x-www-form-urlencoded',
}, { target: '/hooks/h?a=1', body: form.toString() })
const query = `?bodySHA256=${twilioWebhooks.getExpectedBodyHash(body)}`
add('twilio, JSON', twilio, {
  'X-Twilio-Signature': twilioWebhooks.getExpectedTwilioSignature('twilio-token', url + query, {}),
  'Content-Type': 'application/json',
}, { target: `/hooks/h${query}` })

const hash = createHash('sha256').update(body).digest('base64url')
const token = (claims, key) => new SignJWT({ nbf: 0, body: `${hash}=`, ...claims })
  .setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).setIssuer('Upstash').setSubject(url).setIssuedAt(now)
  .setExpirationTime(now + 300).setJti('jwt_1').sign(new TextEncoder().encode(key))
const qstash = { qstash: { current: 'sig_current', next: 'sig_next' } }
add('jose, current key', qstash, { 'Upstash-Signature': await token({}, 'sig_current') })
add('jose, next key', qstash, { 'Upstash-Signature': await token({ body: hash }, 'sig_next') })

console.log(JSON.stringify(deliveries))
