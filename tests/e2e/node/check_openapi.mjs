// Judges documents (a JSON array on standard input) by the official meta-schema of OpenAPI 3.1, and their schemas by JSON Schema
// 2020-12, which is 3.1's dialect but for keywords of its own. Prints an array with the errors of each.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import Ajv2020 from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

const require = createRequire(import.meta.url)
const official = JSON.parse(readFileSync(require.resolve('@seriousme/openapi-schema-validator/schemas/v3.1/schema.json')))
// The document's meta-schema leaves open which dialect schemas are in, and lets a schema around it say so by a dynamic anchor. Ajv
// sees those only in what it has walked through, so it is said in here.
official.$defs.schema = { $dynamicAnchor: 'meta', $ref: 'https://json-schema.org/draft/2020-12/schema' }
const ajv = new Ajv2020.default({ strict: false, allErrors: true, formats: { 'media-range': true } })
addFormats.default(ajv)
const validate = ajv.compile(official)

const documents = JSON.parse(readFileSync(0))
console.log(JSON.stringify(documents.map((document) =>
  validate(document) ? [] : validate.errors.map((e) => `${e.instancePath}: ${e.message}`))))
