"""What Helm and the schemas of Kubernetes say of the examples."""

import os
import re
import subprocess

import kubernetes_validate
import pytest

from charts import CHART, EXAMPLES, NEWEST, helm, render

OWN_SCHEMAS = {"ScaledObject", "ServiceMonitor", "PrometheusRule"}  # tests/chart/cluster shows them to their own
# A sidecar that ends after latentd, for TLS to Redis.
NEEDS = {"fleet": 29}


@pytest.mark.parametrize("example", EXAMPLES)
def test_lint_finds_nothing(example):
    assert "0 chart(s) failed" in helm("lint", "--strict", CHART, "--values", EXAMPLES[example])


@pytest.mark.parametrize("minor", range(25, 38))
@pytest.mark.parametrize("example", EXAMPLES)
def test_every_version_of_kubernetes_takes_it(example, minor):
    values = {}
    if minor < NEEDS.get(example, 0):
        values = {"redis": {"caSecret": ""}}
    objects = render(example, kube=f"1.{minor}", **values)
    assert len(objects) > 5
    for each in objects:
        if each["kind"] not in OWN_SCHEMAS:
            kubernetes_validate.validate(each, f"1.{minor}", strict=True)


def test_one_gpu_s_pods_have_a_place_on_its_node():
    taint = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    templates = [each["spec"]["template"]["spec"] for each in render("one-gpu") if "template" in each.get("spec", {})]
    assert len(templates) == 2 and all(taint in each["tolerations"] for each in templates)


def test_one_gpu_says_how_its_secrets_are_made():
    commands = re.findall(r"^#   kubectl create secret (.*)$", EXAMPLES["one-gpu"].read_text(), re.MULTILINE)
    made = {each.split()[1]: set(re.findall(r"--from-file ([\w.]+)", each)) for each in commands}
    # The authority too: the edge mounts it, and latentctl in the pods reads it.
    assert made == {"latentd-tls": {"tls.crt", "tls.key", "ca.crt"}, "latentd-keys": {"keys.yaml"}}


def test_the_schemas_can_refuse():
    deployment = next(each for each in render("laptop") if each["kind"] == "Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["livenessProb"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, NEWEST, strict=True)


def test_a_package_has_all_that_the_folder_has(tmp_path):
    helm("package", CHART, "--destination", tmp_path)
    (package,) = tmp_path.glob("*.tgz")
    assert render("fleet", chart=package) == render("fleet")


def test_units(tmp_path):
    tool = os.environ["LATENTD_HELM"] + "/helm-unittest"
    done = subprocess.run([tool, "--strict", "--file", "../../tests/chart/unit/*.yaml", CHART], capture_output=True, text=True,
                          env=os.environ | {"HOME": str(tmp_path)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Test Suites: 6 passed, 6 total" in done.stdout
