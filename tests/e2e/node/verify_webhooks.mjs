// Verifies deliveries with the packages that real receivers use. Standard input: [{package, headers, body, url}]; prints
// [{package, accepted, why}]. The secrets are those of sign_webhooks.mjs.
import { readFileSync } from 'node:fs'
import { verify as verifyGithub } from '@octokit/webhooks-methods'
import { Receiver } from '@upstash/qstash'
import { Webhook as StandardWebhook } from 'standardwebhooks'
import Stripe from 'stripe'
import { Webhook as SvixWebhook } from 'svix'
import twilio from 'twilio'

const whsec = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const lower = (headers) => Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
const verifiers = {
  standard_webhooks: (d) => { new StandardWebhook(whsec).verify(d.body, lower(d.headers)); return true },
  svix: (d) => { new SvixWebhook(whsec).verify(d.body, lower(d.headers)); return true },
  github: (d) => verifyGithub('github-secret', d.body, d.headers['X-Hub-Signature-256']),
  stripe: (d) => { new Stripe('sk_test_1').webhooks.constructEvent(d.body, d.headers['Stripe-Signature'], 'whsec_stripe'); return true },
  twilio: (d) => d.headers['Content-Type'].includes('json')
    ? twilio.validateRequestWithBody('twilio-token', d.headers['X-Twilio-Signature'], d.url, d.body)
    : twilio.validateRequest('twilio-token', d.headers['X-Twilio-Signature'], d.url, Object.fromEntries(new URLSearchParams(d.body))),
  qstash: (d) => new Receiver({ currentSigningKey: 'sig_current', nextSigningKey: 'sig_next' })
    .verify({ signature: d.headers['Upstash-Signature'], body: d.body, url: d.url }),
}
const answers = []
for (const d of JSON.parse(readFileSync(0, 'utf8'))) {
  try {
    answers.push({ scheme: d.scheme, accepted: await verifiers[d.scheme](d) })
  } catch (problem) {
    answers.push({ scheme: d.scheme, accepted: false, why: String(problem) })
  }
}
console.log(JSON.stringify(answers))
