"""An OpenAPI 3.1 document as a judge: of itself, of answers, and as a source of requests."""
import copy
import json
import random
import re
import string

from jsonschema import Draft202012Validator, FormatChecker, RefResolver

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

# OpenAPI 3.1.0, section 4.8: what each object may have, and must.
SHAPES = {
    "document": ({"openapi", "info", "jsonSchemaDialect", "servers", "paths", "webhooks", "components", "security", "tags",
                  "externalDocs"}, {"openapi", "info", "paths"}),
    "info": ({"title", "summary", "description", "termsOfService", "contact", "license", "version"}, {"title", "version"}),
    "operation": ({"tags", "summary", "description", "externalDocs", "operationId", "parameters", "requestBody", "responses",
                   "callbacks", "deprecated", "security", "servers"}, {"operationId", "summary", "responses"}),
    "parameter": ({"name", "in", "description", "required", "deprecated", "allowEmptyValue", "style", "explode", "schema",
                   "example", "examples", "content"}, {"name", "in", "schema"}),
    "body": ({"description", "content", "required"}, {"content"}),
    "response": ({"description", "headers", "content", "links"}, {"description"}),
    "media": ({"schema", "example", "examples", "encoding"}, set()),
    "components": ({"schemas", "responses", "parameters", "examples", "requestBodies", "headers", "securitySchemes", "links",
                    "callbacks", "pathItems"}, set()),
}


def _shape(kind, thing, where):
    allowed, needed = SHAPES[kind]
    assert isinstance(thing, dict), f"{where}: no object"
    strange = {name for name in thing if not name.startswith("x-")} - allowed
    assert not strange, f"{where}: {strange} is no part of a {kind}"
    assert needed <= set(thing), f"{where}: {needed - set(thing)} is missing"


class Seen:
    """A raw.Response as the judge wants it."""

    def __init__(self, response):
        self.status, self.raw, self.headers = response.status, response.body, dict(response.headers)

    @property
    def json(self):
        return json.loads(self.raw)


class Document:
    def __init__(self, document):
        self.document = document
        self.resolver = RefResolver("", document)
        self._strict = RefResolver("", _closed(copy.deepcopy(document)))

    def resolve(self, thing):
        while "$ref" in thing:
            thing = self.resolver.resolve(thing["$ref"])[1]
        return thing

    def operations(self):
        """(method, path, operation)"""
        for path, item in self.document["paths"].items():
            for method, operation in item.items():
                assert method in METHODS, f"{path}: {method}"
                yield method.upper(), path, operation

    # ---- itself

    def check(self):
        doc = self.document
        _shape("document", doc, "document")
        assert re.fullmatch(r"3\.1\.\d+", doc["openapi"])
        _shape("info", doc["info"], "info")
        _shape("components", doc["components"], "components")
        for reference in _references(doc):
            self.resolver.resolve(reference)
        for schema in _schemas(doc):
            Draft202012Validator.check_schema(schema)
        tags = {tag["name"] for tag in doc["tags"]}
        ids = set()
        for method, path, operation in self.operations():
            where = f"{method} {path}"
            _shape("operation", operation, where)
            assert operation["operationId"] not in ids, f"{where}: its id is there twice"
            ids.add(operation["operationId"])
            assert set(operation["tags"]) <= tags, where
            self._check_operation(path, operation, where)
        used = set(_references(doc))
        for kind in ("schemas", "responses", "parameters"):
            for name in doc["components"][kind]:
                assert f"#/components/{kind}/{name}" in used, f"{name} is used nowhere"

    def _check_operation(self, path, operation, where):
        parameters = [self.resolve(p) for p in operation.get("parameters", [])]
        for parameter in parameters:
            _shape("parameter", parameter, where)
            assert parameter["in"] in ("path", "query", "header"), where
        names = [(p["in"], p["name"]) for p in parameters]
        assert len(set(names)) == len(names), f"{where}: a parameter is there twice"
        assert {n for place, n in names if place == "path"} == set(re.findall(r"\{(\w+)\}", path)), where
        if "requestBody" in operation:
            _shape("body", operation["requestBody"], where)
        for status, response in operation["responses"].items():
            assert re.fullmatch(r"[1-5]\d\d|default", status), where
            response = self.resolve(response)
            _shape("response", response, where)
            for media in response.get("content", {}).values():
                _shape("media", media, where)
        for requirement in operation.get("security", self.document.get("security", [])):
            assert set(requirement) <= set(self.document["components"]["securitySchemes"]), where

    # ---- answers

    def judge(self, method, path, answer):
        """The answer to an operation is one that the document allows: status, type, and every member of the body."""
        operation = self.document["paths"][path][method.lower()]
        where = f"{method} {path} -> {answer.status} {answer.raw[:300]!r}"
        assert str(answer.status) in operation["responses"], f"{where}: this status is not described"
        content = self.resolve(operation["responses"][str(answer.status)]).get("content", {})
        if not content:
            return
        got = (answer.headers.get("Content-Type") or "").split(";")[0]
        assert got in content or "*/*" in content, f"{where}: type {got} is not described"
        media = content.get(got, content.get("*/*"))
        if got == "application/json" and "schema" in media:
            self.validate(answer.json, media["schema"], where)

    def validate(self, value, schema, where=""):
        """Strictly: members that are not described are errors too."""
        validator = Draft202012Validator(_closed(copy.deepcopy(schema)), resolver=self._strict, format_checker=FormatChecker())
        errors = sorted(validator.iter_errors(value), key=lambda e: list(e.path))
        assert not errors, f"{where}: {[e.message for e in errors][:5]}"


def _references(thing):
    if isinstance(thing, dict):
        if isinstance(thing.get("$ref"), str):
            yield thing["$ref"]
        for value in thing.values():
            yield from _references(value)
    elif isinstance(thing, list):
        for value in thing:
            yield from _references(value)


def _schemas(doc):
    yield from doc["components"]["schemas"].values()

    def walk(thing):
        if isinstance(thing, dict):
            for key, value in thing.items():
                if key == "schema":
                    yield value
                yield from walk(value)
        elif isinstance(thing, list):
            for value in thing:
                yield from walk(value)

    yield from walk(doc["paths"])
    yield from walk({k: v for k, v in doc["components"].items() if k != "schemas"})


def _closed(thing):
    """The same with no room for members that are not described."""
    if isinstance(thing, dict):
        if isinstance(thing.get("properties"), dict) and thing.get("type") == "object":
            thing.setdefault("additionalProperties", False)
        for value in thing.values():
            _closed(value)
    elif isinstance(thing, list):
        for value in thing:
            _closed(value)
    return thing


class Generator:
    """Random values that a schema allows. Strings with a pattern come from its `examples`."""

    def __init__(self, document, seed):
        self._doc, self._random = document, random.Random(seed)

    def value(self, schema):
        schema = self._doc.resolve(schema)
        r = self._random
        if "allOf" in schema:
            return self.value(schema["allOf"][0])
        if "enum" in schema:
            return r.choice(schema["enum"])
        if "const" in schema:
            return schema["const"]
        if "oneOf" in schema and "type" not in schema:
            return self.value(r.choice(schema["oneOf"]))
        if schema.get("examples"):
            return r.choice(schema["examples"])
        return getattr(self, "_" + schema["type"])(schema)

    def _string(self, schema):
        assert "pattern" not in schema and "format" not in schema, f"{schema} needs examples"
        least, most = schema.get("minLength", 0), schema.get("maxLength", 40)
        length = self._random.choice([least, most, self._random.randint(least, min(most, 40))])
        letters = string.ascii_letters + " \u00e9\u4e16\"\\" if length < 40 else string.ascii_letters
        return "".join(self._random.choice(letters) for _ in range(length))

    def _integer(self, schema):
        return self._random.randint(schema.get("minimum", 0), schema.get("maximum", 1000))

    def _number(self, schema):
        return self._random.uniform(schema.get("minimum", 0), schema.get("maximum", 1))

    def _boolean(self, _):
        return self._random.random() < 0.5

    def _array(self, schema):
        least = schema.get("minItems", 0)
        items = [self.value(schema["items"]) for _ in range(self._random.randint(least, least + 3))]
        return list(dict.fromkeys(items)) if schema.get("uniqueItems") else items

    def _object(self, schema):
        needed = schema.get("required", [])
        return {name: self.value(sub) for name, sub in schema.get("properties", {}).items()
                if name in needed or self._random.random() < 0.4}
