"""JSON schemas to hold answers to: those of the JSON-Schema-Test-Suite, and others as people write them for the arguments of tools."""

import json
import random
import re

import jsonschema

SUITE = "schema/json-schema-test-suite/tests"


def validator(schema):
    """What judges values: of the draft that the schema names, formats included."""
    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    return kind(schema, format_checker=kind.FORMAT_CHECKER)


def readable(schema):
    """Whether Python reads the patterns in a schema: it has no `\\p{...}`."""
    if isinstance(schema, list):
        return all(map(readable, schema))
    if not isinstance(schema, dict):
        return True
    patterns = [schema.get("pattern"), *(schema.get("patternProperties") or {})]
    try:
        [re.compile(pattern) for pattern in patterns if isinstance(pattern, str)]
    except re.error:
        return False
    return all(map(readable, schema.values()))


def of_the_suite(fixtures):
    """The schemas of the suite, with the draft that they are of."""
    drafts = {"draft2020-12": "https://json-schema.org/draft/2020-12/schema", "draft7": "http://json-schema.org/draft-07/schema#"}
    for folder, draft in drafts.items():
        for path in sorted((fixtures / SUITE / folder).rglob("*.json")):
            for group in json.loads(path.read_text(encoding="utf-8")):
                schema = group["schema"]
                yield {"$schema": draft, **schema} if isinstance(schema, dict) else schema


class Maker:
    """Schemas as people write them for the arguments of tools."""

    WORDS = ["city", "units", "größe", "日付", "is_active", "max results", "naïve", "e-mail", "limit", "query", "tags", "a/b", "q~", "\"x\""]

    def __init__(self, seed):
        self.random = random.Random(seed)

    def of(self, *kinds):
        return self.random.choice(kinds)

    def range(self):
        """Limits close to each other, each of them valid or not."""
        low = self.of(0, 5, -0.5, 0.1, -3.25, 1e-6, 10)
        high = low + self.of(0.5, 0.001, 1, 0.1)
        return {self.of("minimum", "exclusiveMinimum"): low, self.of("maximum", "exclusiveMaximum"): high}

    def leaf(self):
        r = self.random
        kind = self.of("text", "short", "pattern", "format", "integer", "number", "boolean", "enum", "const", "null")
        return {
            "text": lambda: {"type": "string", "description": "Free text."},
            "short": lambda: {"type": "string", "minLength": r.randint(0, 3), "maxLength": r.randint(3, 20)},
            "pattern": lambda: {"type": "string", "pattern": self.of("^[A-Z]{2}[0-9]{3}$", "^(low|high)$", "x+", "^[a-z]+(-[a-z]+)*$")},
            "format": lambda: {"type": "string", "format": self.of("date", "time", "date-time", "email", "ipv4", "ipv6", "uuid", "uri", "hostname", "duration")},
            "integer": lambda: {"type": "integer", "minimum": r.randint(-50, 5), "maximum": r.randint(5, 5000)},
            "number": lambda: {"type": "number", **self.of({}, {"exclusiveMinimum": 0}, {"maximum": 1.5, "minimum": -1.5}, self.range())},
            "boolean": lambda: {"type": "boolean", "default": True},
            "enum": lambda: {"enum": r.sample(["celsius", "fahrenheit", "käse", "雨", 1, 2.5, None, True], r.randint(1, 5))},
            "const": lambda: {"const": self.of("v1", 7, [1, "a"], {"k": None})},
            "null": lambda: {"type": ["null", self.of("string", "integer")]},
        }[kind]()

    def schema(self, depth):
        r = self.random
        kind = self.of("leaf", "leaf", "object", "array", "union") if depth else "leaf"
        if kind == "leaf":
            return self.leaf()
        if kind == "array":
            return {"type": "array", "items": self.schema(depth - 1), "minItems": r.randint(0, 2), "maxItems": r.randint(2, 5)}
        if kind == "union":
            return {"anyOf": [self.schema(depth - 1) for _ in range(r.randint(1, 3))]}
        return self.object(depth - 1)

    def object(self, depth):
        r = self.random
        names = r.sample(self.WORDS, r.randint(0, 5))
        schema = {"type": "object", "properties": {name: self.schema(depth) for name in names}}
        schema["required"] = [name for name in names if r.random() < 0.6]
        if r.random() < 0.8:
            schema["additionalProperties"] = False
        return schema

    def tool(self):
        schema = self.object(3)
        if self.random.random() < 0.2:
            schema["properties"]["next"] = {"anyOf": [{"$ref": "#"}, {"type": "null"}]}
        return schema
