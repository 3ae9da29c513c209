"""Who is let in through the edge, and what must not get in: the credentials are latentd's to judge, and no one else's."""

import base64
import contextlib
import hashlib
import io
import time

import jwt
import PIL.Image
import pytest

import api
import credentials
import raw
from api import METHODS
from callers import by_events, by_grpc, by_grpc_web, by_json, request
from conftest import ORIGIN
from credentials import bearer, claims
from processes import Edge, Latentd, wait_for
from test_paths_and_headers import PATHS

CREATE, GENERATE, GET, LIST, STATS, WATCH = (METHODS[f"ImageGeneration.{name}"]
                                             for name in ("CreateJob", "Generate", "GetJob", "ListJobs", "GetStats", "WatchJob"))
SPEC = {"model": "pictograms", "prompt": "a red apple", "steps": 1, "seed": "7"}
NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED, UNAUTHENTICATED = 5, 7, 8, 16
WAYS = [by_grpc, by_grpc_web, by_json]
SHOP, RIVAL, READER, ADMIN, SMALL = "shop-key", "rival-key", "reader-key", "admin-key", "small-key"
KEYS = [(SHOP, "shop", ["generate", "read"]), (RIVAL, "rival", ["generate", "read"]), (READER, "shop", ["read"]),
        (ADMIN, "shop", ["admin"]), (SMALL, "small", ["generate", "read"])]


@pytest.fixture(scope="module")
def signers():
    return {algorithm: credentials.Signer(algorithm, algorithm.lower()) for algorithm in credentials.KINDS}


@pytest.fixture(scope="module")
def files(signers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("access")
    credentials.replace(folder / "keys.yaml", credentials.key_file(*KEYS))
    credentials.replace(folder / "jwks.json", credentials.jwks(*signers.values()))
    # One step of one guided picture of 64 x 64 takes 8,192.
    credentials.replace(folder / "tenants.yaml", "tenants: {small: {pixel_steps_per_minute: 8192}}")
    return folder


@pytest.fixture(scope="module")
def guarded(files):
    with Latentd("--api-keys", files / "keys.yaml", "--jwks", files / "jwks.json", "--jwt-issuer", "https://id.example",
                 "--tenants", files / "tenants.yaml") as server:
        yield server


@pytest.fixture(scope="module")
def edge(guarded):
    with Edge(guarded.address, cors_origins=[ORIGIN]) as envoy:
        yield envoy


@pytest.fixture(scope="module")
def public(latentd):
    """An edge as on an address that strangers can connect to, before a server that asks nobody for credentials."""
    with Edge(latentd.address, credentials_required=True) as envoy:
        yield envoy


def example(method):
    """A request that the server would look at, were the caller let in."""
    sha256 = hashlib.sha256(b"a").hexdigest()
    fields = {"name": "models/pictograms" if "Models" in method.path else "jobs/1", "job": "jobs/1", "index": 0, "spec": SPEC,
              "jobs": [{"name": "jobs/1"}], "sha256": sha256, "totalSize": "1", "data": "YQ=="}
    known = {field.json_name for field in api.message_class(method.request).DESCRIPTOR.fields}
    return {name: value for name, value in fields.items() if name in known}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("headers", [{}, bearer("wrong")], ids=["no key", "wrong key"])
def test_no_rpc_is_open(guarded, edge, name, headers):
    method = METHODS[name]
    outcomes = [by_grpc(guarded.address, method, example(method), headers)]
    # Over HTTP the OpenAI images API has errors of its own: test_openai_errors.py.
    ways = WAYS[:2] if name.startswith("OpenAI.") else [*WAYS, *([by_events] if method.streams else [])]
    outcomes += [way(edge.address, method, example(method), headers) for way in ways]
    assert [outcome.error.get("code") for outcome in outcomes] == [UNAUTHENTICATED] * len(outcomes)
    assert all(outcome.error == outcomes[0].error for outcome in outcomes)
    for outcome in outcomes[3:]:
        assert (outcome.http_status, outcome.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("way", [*WAYS, by_events])
@pytest.mark.parametrize("kind", ["key", *credentials.KINDS])
def test_who_is_known_gets_in(edge, signers, way, kind):
    known = SHOP if kind == "key" else signers[kind].sign(claims())
    outcome = way(edge.address, GENERATE, {"spec": SPEC}, bearer(known))
    assert outcome.error == {} and "completed" in outcome.messages[-1]


def tampered(token):
    head, body, signature = token.split(".")
    other = base64.urlsafe_b64encode(base64.urlsafe_b64decode(body + "==").replace(b'"shop"', b'"root"')).decode().rstrip("=")
    return f"{head}.{other}.{signature}"


# What is wrong, and a token for which it is, from the real signers.
BAD_TOKENS = {
    "expired": lambda signers: signers["ES256"].sign(claims(seconds=-600)),
    "without an end": lambda signers: signers["ES256"].sign({key: value for key, value in claims().items() if key != "exp"}),
    "not valid yet": lambda signers: signers["ES256"].sign(claims(nbf=int(time.time()) + 600)),
    "signed by another, ES256": lambda signers: credentials.Signer("ES256", "es256").sign(claims()),
    "signed by another, RS256": lambda signers: credentials.Signer("RS256", "rs256").sign(claims()),
    "signed by another, EdDSA": lambda signers: credentials.Signer("EdDSA", "eddsa").sign(claims()),
    "of an unknown key": lambda signers: credentials.Signer("ES256", "unknown").sign(claims()),
    "changed": lambda signers: tampered(signers["ES256"].sign(claims())),
    "without its signature": lambda signers: signers["ES256"].sign(claims()).rsplit(".", 1)[0] + ".",
    "alg: none": lambda signers: jwt.encode(claims(), None, "none", headers={"kid": "es256"}),
    "alg: nOnE": lambda signers: credentials.unsigned({"alg": "nOnE", "kid": "rs256"}, claims()),
    "HS256 by the public key": lambda signers: credentials.by_public_key(signers["RS256"], claims()),
    "with a key of its own": lambda signers: credentials.with_own_key(claims()),
    "of another issuer": lambda signers: signers["ES256"].sign(claims(iss="https://evil.example")),
    "for others": lambda signers: signers["ES256"].sign(claims(aud="other")),
    "of no tenant": lambda signers: signers["ES256"].sign({key: value for key, value in claims().items() if key != "tenant"}),
    "no token": lambda signers: "a.b.c",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wrong", BAD_TOKENS)
def test_a_bad_token_is_refused(guarded, edge, signers, way, wrong):
    token = BAD_TOKENS[wrong](signers)
    assert way(edge.address, STATS, {}, bearer(token)).error["code"] == UNAUTHENTICATED
    assert by_grpc(guarded.address, STATS, {}, bearer(token)).error["code"] == UNAUTHENTICATED


@pytest.mark.parametrize("headers", [
    {"authorization": SHOP}, {"authorization": f"Basic {SHOP}"}, {"authorization": f"Bearer {SHOP}, Bearer {SHOP}"},
    {"authorization": "Bearer"}, {"authorization": "Bearer " + hashlib.sha256(SHOP.encode()).hexdigest()},
    {"proxy-authorization": f"Bearer {SHOP}"}, {"x-api-key": SHOP}, {"cookie": f"authorization=Bearer {SHOP}"}])
@pytest.mark.parametrize("way", WAYS)
def test_a_key_counts_in_its_place_only(edge, way, headers):
    assert way(edge.address, STATS, {}, headers).error["code"] == UNAUTHENTICATED


def test_a_key_in_the_address_is_nothing(edge):
    for query in (f"access_token={SHOP}", f"authorization=Bearer%20{SHOP}", f"key={SHOP}"):
        assert raw.get(edge.address, f"/latentd/v1/stats?{query}")[0] in (400, 401)


def test_two_headers_are_refused(edge):
    headers = [f"authorization: Bearer {key}" for key in (SHOP, RIVAL)]
    assert raw.get(edge.address, "/latentd/v1/stats", headers=headers)[0] == 401


@pytest.mark.parametrize("way", WAYS)
def test_a_revoked_key_is_refused_at_once(edge, files, way):
    assert way(edge.address, STATS, {}, bearer(READER)).error == {}
    with contextlib.ExitStack() as after:
        after.callback(credentials.replace, files / "keys.yaml", credentials.key_file(*KEYS))
        credentials.replace(files / "keys.yaml", credentials.key_file(*(each for each in KEYS if each[0] != READER)))
        assert way(edge.address, STATS, {}, bearer(READER)).error["code"] == UNAUTHENTICATED
        assert way(edge.address, STATS, {}, bearer(SHOP)).error == {}
    assert way(edge.address, STATS, {}, bearer(READER)).error == {}


@pytest.mark.parametrize("way", WAYS)
def test_a_withdrawn_signer_is_refused_at_once(edge, files, signers, way):
    token = signers["EdDSA"].sign(claims())
    assert way(edge.address, STATS, {}, bearer(token)).error == {}
    with contextlib.ExitStack() as after:
        after.callback(credentials.replace, files / "jwks.json", credentials.jwks(*signers.values()))
        credentials.replace(files / "jwks.json", credentials.jwks(signers["ES256"], signers["RS256"]))
        assert way(edge.address, STATS, {}, bearer(token)).error["code"] == UNAUTHENTICATED


@pytest.fixture(scope="module")
def shops_job(edge):
    """A job of the shop that is done, with a label."""
    fields = {"spec": SPEC, "options": {"labels": {"secret": "1"}}, "requestId": "the first"}
    name = by_json(edge.address, CREATE, fields, bearer(SHOP)).messages[0]["name"]
    assert "completed" in by_events(edge.address, WATCH, {"name": name}, bearer(SHOP)).messages[-1]
    return name


BY_ID = ["GetJob", "WatchJob", "WatchJobs", "CancelJob", "DeleteJob", "GetOutput"]


@pytest.mark.parametrize("rpc", BY_ID)
def test_anothers_job_is_not_found_by_id(guarded, edge, signers, shops_job, rpc):
    method = METHODS[f"ImageGeneration.{rpc}"]
    fields = {"GetOutput": {"job": shops_job, "index": 0}, "WatchJobs": {"jobs": [{"name": shops_job}]}}.get(rpc, {"name": shops_job})
    for who in (RIVAL, signers["ES256"].sign(claims(tenant="rival"))):
        outcomes = [by_grpc(guarded.address, method, fields, bearer(who)), *(way(edge.address, method, fields, bearer(who)) for way in WAYS)]
        assert [outcome.error.get("code") for outcome in outcomes] == [NOT_FOUND] * 4
        assert all(outcome.messages == [] for outcome in outcomes)
    assert by_json(edge.address, GET, {"name": shops_job}, bearer(SHOP)).messages[0]["state"] == "STATE_COMPLETED"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fields", [{}, {"labels": ["secret=1"]}, {"states": ["STATE_COMPLETED"]}, {"pageSize": 1000}])
def test_anothers_job_is_in_no_list(edge, shops_job, way, fields):
    def names(key):
        return [job["name"] for job in way(edge.address, LIST, fields, bearer(key)).messages[0].get("jobs", [])]

    assert shops_job in names(SHOP) and shops_job not in names(RIVAL)


@pytest.mark.parametrize("way", WAYS)
def test_anothers_page_token_opens_no_list(edge, shops_job, way):
    by_json(edge.address, CREATE, {"spec": SPEC, "requestId": "the second"}, bearer(SHOP))
    shops = by_json(edge.address, LIST, {"pageSize": 1000}, bearer(SHOP)).messages[0]["jobs"]
    token = way(edge.address, LIST, {"pageSize": 1}, bearer(SHOP)).messages[0]["nextPageToken"]
    outcome = way(edge.address, LIST, {"pageSize": 1000, "pageToken": token}, bearer(RIVAL))
    seen = [] if outcome.error else outcome.messages[0].get("jobs", [])
    assert not {job["name"] for job in seen} & {job["name"] for job in shops}


@pytest.mark.parametrize("way", WAYS)
def test_anothers_request_id_is_not_ones_own(edge, shops_job, way):
    fields = {"spec": SPEC, "options": {"labels": {"secret": "1"}}, "requestId": "the first"}
    assert way(edge.address, CREATE, fields, bearer(SHOP)).messages[0]["name"] == shops_job
    assert way(edge.address, CREATE, fields, bearer(RIVAL)).messages[0]["name"] != shops_job


@pytest.mark.parametrize("way", WAYS)
def test_anothers_input_is_not_found(edge, way):
    png = io.BytesIO()
    PIL.Image.new("RGB", (64, 64), (WAYS.index(way), 0, 0)).save(png, "PNG")
    data = png.getvalue()
    sha256 = hashlib.sha256(data).hexdigest()
    part = {"sha256": sha256, "totalSize": str(len(data)), "data": base64.b64encode(data).decode()}
    assert way(edge.address, METHODS["Blobs.PutChunk"], part, bearer(SHOP)).error == {}
    spec = {**SPEC, "imageToImage": {"image": {"blobSha256": sha256}}}
    assert way(edge.address, CREATE, {"spec": spec}, bearer(SHOP)).error == {}
    assert way(edge.address, CREATE, {"spec": spec}, bearer(RIVAL)).error
    assert way(edge.address, METHODS["Blobs.Get"], {"sha256": sha256}, bearer(SHOP)).error == {}
    assert way(edge.address, METHODS["Blobs.Get"], {"sha256": sha256}, bearer(RIVAL)).error["code"] == NOT_FOUND


FORGED = {
    "x-latentd-tenant": "shop", "x-latentd-subject": "ann", "x-latentd-caller": "shop", "x-latentd-roles": "admin",
    "x-forwarded-user": "ann", "x-forwarded-client-cert": "Subject=shop", "x-forwarded-for": "127.0.0.1", "x-envoy-internal": "true",
    "x-tenant": "shop", "tenant": "shop", "x-goog-iap-jwt-assertion": "shop", "x-user": "ann", "forwarded": "for=127.0.0.1",
}


@pytest.mark.parametrize("port,way", [("edge", by_grpc), ("edge", by_grpc_web), ("edge", by_json), ("latentd", by_grpc)])
def test_a_header_that_claims_an_identity_is_nothing(guarded, edge, shops_job, port, way):
    address = edge.address if port == "edge" else guarded.address
    for header, value in FORGED.items():
        assert way(address, STATS, {}, {header: value}).error["code"] == UNAUTHENTICATED
    assert way(address, GET, {"name": shops_job}, {**bearer(RIVAL), **FORGED}).error["code"] == NOT_FOUND
    assert way(address, METHODS["Models.UnloadModel"], {"name": "models/pictograms"}, {**bearer(SHOP), **FORGED}).error["code"] == PERMISSION_DENIED


@pytest.mark.parametrize("path", [path for path, _, _ in PATHS])
def test_no_spelling_of_a_path_is_open(edge, path):
    assert raw.get(edge.address, path)[0] in (400, 401, 404)


@pytest.mark.parametrize("verb", ["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "TRACE", "BREW"])
@pytest.mark.parametrize("trick", [
    "/latentd/v1/jobs/..%2fjobs/{id}", "/latentd/v1/jobs/%2e%2e/jobs/{id}", "/latentd/v1//jobs//{id}", "/latentd/v1/jobs/{id};a=b",
    "/latentd/v1/jobs/;/../{id}", "/latentd/v1/jobs%2f{id}", "/latentd/v1/jobs/%252e%252e%252f{id}", "/latentd/v1/jobs/x/../{id}",
    "/latentd/v1/jobs/{id}%00", "/latentd/v1/jobs/{id}%3Acancel", "/latentd/v1/jobs/{id}:cancel", "/latentd/v1/jobs/{id}:cancel/..",
    "/latentd/v1/jobs/{id}:watch", "/latentd/v1/jobs/{id}/outputs/0", "/latentd/v1/jobs/{id}/outputs/../outputs/0", "/latentd/v1/jobs\\{id}",
    "/healthz/../latentd/v1/jobs/{id}", "/latentd/v1/jobs/{id}?name=jobs/other", "/latentd.v1.ImageGeneration/GetJob?name=jobs/{id}",
])
def test_no_trick_of_path_or_verb_reaches_anothers_job(edge, shops_job, trick, verb):
    path = trick.replace("{id}", shops_job.removeprefix("jobs/"))
    status, body = raw.get(edge.address, path, verb, headers=[f"authorization: Bearer {RIVAL}"])
    # At most it is the caller's own list.
    assert status in (400, 403, 404, 405) or (status == 200 and verb == "GET" and shops_job not in body.decode())
    assert by_json(edge.address, GET, {"name": shops_job}, bearer(SHOP)).messages[0]["state"] == "STATE_COMPLETED"


@pytest.mark.parametrize("way", WAYS)
def test_roles_are_heeded(edge, way):
    outcome = way(edge.address, GENERATE, {"spec": SPEC}, bearer(READER))
    assert outcome.error["code"] == PERMISSION_DENIED
    assert way(edge.address, METHODS["Models.LoadModel"], {"name": "models/pictograms"}, bearer(ADMIN)).error == {}
    if way is by_json:
        assert outcome.http_status == 403


def test_a_quota_says_when_to_come_back(edge):
    first = by_json(edge.address, CREATE, {"spec": SPEC}, bearer(SMALL))
    assert first.error == {}
    outcomes = [way(edge.address, CREATE, {"spec": SPEC}, bearer(SMALL)) for way in WAYS]
    for outcome in outcomes:
        details = {detail["@type"].rsplit(".", 1)[1]: detail for detail in outcome.error["details"]}
        assert outcome.error["code"] == RESOURCE_EXHAUSTED and details["ErrorInfo"]["reason"] == "QUOTA_EXCEEDED"
        assert details["QuotaFailure"]["violations"]
    assert outcomes[2].http_status == 429
    exact = float(details["RetryInfo"]["retryDelay"].rstrip("s"))
    assert exact <= int(outcomes[2].headers["retry-after"]) <= exact + 1


def test_a_page_of_another_origin_sees_why_it_is_refused(edge):
    status, headers, _ = request(edge.address, "GET", "/latentd/v1/stats", headers={"origin": ORIGIN})
    assert (status, headers["access-control-allow-origin"]) == (401, ORIGIN)
    assert {"retry-after", "www-authenticate"} <= {name.strip() for name in headers["access-control-expose-headers"].split(",")}
    preflight = {"origin": ORIGIN, "access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    assert request(edge.address, "OPTIONS", "/latentd/v1/jobs", headers=preflight)[0] == 200, "preflights have no credentials"


def test_health_is_everybodys(edge):
    wait_for("healthy", lambda: request(edge.address, "GET", "/healthz")[0] == 200)


def test_no_key_is_in_a_log(guarded, edge):
    for key in (SHOP, RIVAL, "never-seen-key"):
        by_json(edge.address, STATS, {}, bearer(key))
        assert key not in guarded.log and key not in edge.log


@pytest.mark.parametrize("name", METHODS)
def test_where_strangers_can_connect_a_server_that_asks_nobody_lets_nobody_in(latentd, public, name):
    method = METHODS[name]
    ways = WAYS[:2] if name.startswith("OpenAI.") else WAYS
    for way in ways:
        error = way(public.address, method, example(method), bearer("anything")).error
        assert (error.get("code"), error["details"][0]["reason"]) == (PERMISSION_DENIED, "NO_CREDENTIALS_ASKED")


def test_where_strangers_can_connect_health_is_told(public):
    wait_for("healthy", lambda: request(public.address, "GET", "/healthz")[0] == 200)


def test_where_strangers_can_connect_who_is_known_gets_in(guarded):
    with Edge(guarded.address, credentials_required=True) as envoy:
        for way in WAYS:
            assert way(envoy.address, GENERATE, {"spec": SPEC}, bearer(SHOP)).error == {}
            assert way(envoy.address, STATS, {}, {}).error["code"] == UNAUTHENTICATED


@pytest.mark.parametrize("way", WAYS)
def test_what_a_caller_says_of_credentials_is_nothing(latentd, public, way):
    with Edge(latentd.address) as envoy:
        assert way(envoy.address, STATS, {}, {"x-latentd-credentials": "required"}).error == {}
    assert way(public.address, STATS, {}, {"x-latentd-credentials": ""}).error["code"] == PERMISSION_DENIED
