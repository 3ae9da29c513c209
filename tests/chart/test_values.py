"""Every value is documented, in the schema, and nothing else is taken."""

import copy
import json
import os
import re
import subprocess

import jsonschema
import pytest
import yaml

import values_table
from charts import CHART, EXAMPLES, Refused, render

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
# Whose keys are the user's own.
FREE = {"config", "tenants", "resources", "edge.resources", "nodeSelector", "redis.nodeSelector", "edge.nodeSelector", "podAnnotations", "edge.serviceAnnotations", "rollout"} | {
    f"monitoring.{each}.labels" for each in ("serviceMonitor", "rules", "dashboard")}


def leaves(value, path=()):
    if not isinstance(value, dict) or ".".join(path) in FREE:
        return [path]
    return [leaf for key, each in value.items() for leaf in leaves(each, (*path, key))]


def schema_leaves(schema, path=()):
    if "properties" not in schema or ".".join(path) in FREE:
        return [path]
    return [leaf for key, each in schema["properties"].items() for leaf in schema_leaves(each, (*path, key))]


def test_every_value_has_a_comment_and_the_table_is_made_of_them():
    assert [path for path, _ in values_table.documented()] == leaves(VALUES)
    assert values_table.README.read_text() == values_table.with_table(values_table.README.read_text())


def test_schema_and_values_have_the_same_keys():
    assert set(schema_leaves(SCHEMA)) - {("global",)} == set(leaves(VALUES))
    VALIDATOR.validate(VALUES)


def objects(schema):
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for each in schema.values():
            yield from objects(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from objects(each)


def test_no_object_takes_unknown_keys():
    for schema in objects(SCHEMA):
        if schema is not SCHEMA["properties"]["global"]:
            assert schema.get("additionalProperties") is False or schema["additionalProperties"].keys() & {"type", "$ref"}, schema


def with_unknown_keys(value):
    """Copies of the values, each with one key too many in another place."""
    def walk(path):
        here = value
        for step in path:
            here = here[step]
        if isinstance(here, dict):
            changed = copy.deepcopy(value)
            inner = changed
            for step in path:
                inner = inner[step]
            inner["unknown"] = {"unknown": 1}
            yield ".".join(map(str, path)), changed
        for step in here if isinstance(here, dict) else range(len(here)) if isinstance(here, list) else ():
            yield from walk((*path, step))
    return walk(())


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_unknown_key_is_refused_wherever_it_is(example):
    tried = 0
    for place, values in with_unknown_keys(yaml.safe_load(EXAMPLES[example].read_text())):
        assert not VALIDATOR.is_valid(values), place
        tried += 1
    assert tried > 3


@pytest.mark.parametrize("values", [{"replica": 3}, {"redis": {"adress": "x:1"}}, {"config": {"listen": "0.0.0.0:1"}}, {"replicas": "3"}])
def test_helm_looks_at_the_schema(values):
    with pytest.raises(Refused, match="values.schema.json|schema"):
        render("laptop", **values)


def test_config_has_the_flags_that_the_chart_does_not_set():
    flags = re.findall(r"^  --([a-z-]+) [A-Za-z]|^  --(insecure)", subprocess.run(
        [os.environ["LATENTD_BINARY"], "--help"], capture_output=True, text=True, check=True).stdout, re.M)
    ours = {"config", "listen", "metrics-listen", "health-listen", "models", "adapters", "device", "threads", "job-store",
            "job-store-password-file", "drain-timeout", "tls-cert", "tls-key", "tls-client-ca", "api-keys", "jwks", "tenants", "insecure", "version"}
    assert set(SCHEMA["properties"]["config"]["properties"]) == {a or b for a, b in flags} - ours


TAKEN = [("job-bytes", each) for each in ("8GiB", "1.5TiB", "24GB", "5kB", "5KB", "1000B", "0", 1000)] + [
    ("job-ttl", "0h10m"), ("canary-every", "500ms"), ("drain-timeout", "1s"), ("preload", "all"), ("preload", "sd15, sdxl"),
    ("max-batch-rows", 4096), ("max-queued-jobs", 1000000)]
REFUSED = [("job-bytes", each) for each in ("8Gi", "24G", "5K", "B", "-1GiB", "")] + [
    ("job-ttl", "0s"), ("canary-every", "0h00m"), ("drain-timeout", "0s"), ("preload", ""), ("preload", "sd15,"), ("preload", "sd15, ,sdxl"),
    ("max-batch-rows", 4097), ("max-queued-jobs", 0), ("max-queued-jobs", 1000001), ("jwt-issuer", ""), ("jwt-audience", "")]


@pytest.mark.parametrize("flag, value", TAKEN + REFUSED)
def test_config_takes_what_latentd_takes(tmp_path, flag, value):
    config = tmp_path / "latentd.yaml"
    config.write_text(yaml.safe_dump({flag: value}))
    # Ends for the lone certificate once it has read all the rest.
    said = subprocess.run([os.environ["LATENTD_BINARY"], f"--config={config}", "--tls-cert=x"], capture_output=True, text=True).stderr
    assert ("--tls-cert and --tls-key go together" in said) == ((flag, value) in TAKEN), said
    values = {"drain": {"jobSeconds": int(value.rstrip("s"))}} if flag == "drain-timeout" else {"config": {flag: value}}
    assert VALIDATOR.is_valid(values) == ((flag, value) in TAKEN)
