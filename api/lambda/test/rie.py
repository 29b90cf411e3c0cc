"""The function behind AWS's Runtime Interface Emulator: every kind of event, through software that AWS wrote.

Its arguments are the programs `bootstrap`, `cellar` and `aws-lambda-rie`. run.sh installs the last.
"""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

FIXTURES = Path(__file__).resolve().parents[1] / "tests/fixtures/lambda"
INVOCATIONS = "/2015-03-31/functions/function/invocations"
STARTING_S = 60
ANSWER_S = 60
PLACE = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [0, 0.01]}, "properties": {"name": "Weingut"}}


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def fixture(name):
    return json.loads((FIXTURES / f"{name}.json").read_text())


def request(method, path, body=None, query="", **more):
    """An event of an HTTP API; the body as text, or in base64 if it is bytes."""
    event = fixture("http-api-v2") | {"rawPath": path, "rawQueryString": query} | more
    event.pop("cookies", None)
    event["requestContext"]["http"] |= {"method": method, "path": path}
    if body is not None:
        is_text = isinstance(body, str)
        event |= {"body": body if is_text else base64.b64encode(body).decode(), "isBase64Encoded": not is_text}
        event["headers"]["content-type"] = "application/geo+json"
    return event


def text(reply):
    """The body of an answer."""
    body = reply.get("body") or ""
    return base64.b64decode(body).decode() if reply.get("isBase64Encoded") else body


class Bed:
    """A table, and the function behind the emulator."""

    def __init__(self, bootstrap, cellar, emulator):
        self.programs, self.children = (bootstrap, cellar, emulator), []

    def __enter__(self):
        bootstrap, cellar, emulator = self.programs
        self.folder = tempfile.TemporaryDirectory(prefix="cellar-rie.")
        here = self.folder.name
        server = self.start(
            [cellar, "serve", "--data", "engine", "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        # The line says that its table can be asked; nobody reads what comes after it.
        told = server.stdout.readline()
        if not told.startswith(b"listening on "):
            raise SystemExit(f"cellar does not start: {told!r}")
        self.port, runtime = free_port(), free_port()
        # In Lambda the program is at a place of its own; what it needs of the system is the same.
        variables = {
            "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_LAMBDA_FUNCTION_NAME": "cellar",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(ANSWER_S),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "CELLAR_TABLE": "cellar",
            "CELLAR_ENDPOINT_URL": Path(here, "engine/endpoint").read_text().strip(),
            "CELLAR_WRITES_OPEN": "true",
            "CELLAR_EMF": "false",
            # A busy machine is no failure.
            "CELLAR_INIT_LIMIT_MS": "9000",
            "CELLAR_READ_TIME_LIMIT_MS": "30000",
        }
        env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CELLAR_"))}
        command = [emulator, "--runtime-interface-emulator-address", f"127.0.0.1:{self.port}"]
        command += ["--runtime-api-address", f"127.0.0.1:{runtime}", bootstrap]
        self.log = Path(here, "log")
        with self.log.open("wb") as log:
            self.start(command, env=env | variables, stdout=log, stderr=subprocess.STDOUT)
        for _ in range(STARTING_S * 10):
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.1)
        raise SystemExit(f"the emulator does not start:\n{self.log.read_text()[-2000:]}")

    def start(self, command, **more):
        """A program with its descendants in a group of their own, so that all of them can be ended."""
        child = subprocess.Popen(
            command, cwd=self.folder.name, start_new_session=True, stdin=subprocess.DEVNULL, **more
        )
        self.children.append(child)
        return child

    def __exit__(self, *_):
        for child in self.children:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        self.folder.cleanup()

    def invoke(self, event):
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        asked = urllib.request.Request(f"http://127.0.0.1:{self.port}{INVOCATIONS}", body)
        try:
            with urllib.request.urlopen(asked, timeout=ANSWER_S) as answer:
                return json.loads(answer.read() or "null")
        except urllib.error.HTTPError as error:
            return json.loads(error.read() or "null")


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def requests_are_answered(bed):
    reply = bed.invoke(request("PUT", "/v1/collections/wineries"))
    expect(reply["statusCode"] == 201 and reply["headers"]["x-cellar-cold"] == "true", reply)
    reply = bed.invoke(request("PUT", "/v1/collections/wineries/items/a", json.dumps(PLACE)))
    expect(reply["statusCode"] == 201 and reply["headers"]["x-cellar-cold"] == "false", reply)
    reply = bed.invoke(request("GET", "/v1/collections/wineries/nearby", query="lat=0&lon=0&radius=5000"))
    expect([one["id"] for one in json.loads(text(reply))["features"]] == ["a"], reply)
    expect(reply["headers"]["cache-status"].startswith("cellar-l1"), reply["headers"])
    reply = bed.invoke(request("GET", "/v1/collections/wineries/nearby", query="lat=91&lon=0"))
    expect(reply["statusCode"] == 400 and "lat" in text(reply), reply)


def function_urls_are_answered(bed):
    reply = bed.invoke(fixture("function-url-base64"))
    expect(reply["statusCode"] == 201, reply)
    reply = bed.invoke(request("GET", "/v1/collections/wineries/items/w-base64"))
    expect(json.loads(text(reply))["properties"]["name"] == "Weingut Müller", reply)
    expect(bed.invoke(fixture("function-url-events-path"))["statusCode"] == 404, "a path is no instruction")
    expect(bed.invoke(fixture("function-url-dots"))["statusCode"] == 404, "dots lead nowhere")
    reply = bed.invoke(fixture("function-url-queries"))
    expect(reply["statusCode"] == 400, f"a parameter twice: {reply}")


def stages_cookies_and_base64_are_understood(bed):
    expect(
        bed.invoke(request("PUT", "/v1/collections/wineries/items/Château d'Yquem 100%25", json.dumps(PLACE)))[
            "statusCode"
        ]
        == 201,
        "an id",
    )
    reply = bed.invoke(fixture("http-api-v2-stage"))
    expect(reply["statusCode"] == 204, f"the stage is no part of the path: {reply}")
    reply = bed.invoke(fixture("http-api-v2"))
    expect(reply["statusCode"] == 200, f"with cookies: {reply}")
    body = json.dumps(PLACE | {"properties": {"name": "Ünï"}}).encode()
    expect(bed.invoke(request("PUT", "/v1/collections/wineries/items/b", body))["statusCode"] == 201, "in base64")
    reply = bed.invoke(request("GET", "/v1/collections/wineries/items/b"))
    expect(json.loads(text(reply))["properties"]["name"] == "Ünï", reply)
    many = request("GET", "/v1/collections/wineries/nearby", query="lat=0&lon=0&radius=5000&limit=100")
    many["headers"]["accept-encoding"] = "gzip"
    reply = bed.invoke(many)
    coding = reply["headers"].get("content-encoding")
    expect(reply["isBase64Encoded"] == (coding == "gzip"), f"{coding}: {reply['isBase64Encoded']}")


def schedules_are_carried_out(bed):
    for name in ("warmer", "scheduler-envelope"):
        told = bed.invoke(fixture(name))
        expect(told["dynamodb"] == "ok" and told["cold"] is False, told)
    for name in ("eventbridge", "scheduler"):
        told = bed.invoke(fixture(name))
        expect(told["complete"] and told["places"] == 3 and told["failures"] == 0, told)
    expect(bed.invoke({"instruction": "delete"}) == [], "nothing is to be deleted")


def streams_are_taken_in(bed):
    expect(bed.invoke(fixture("dynamodb-stream")) == {"batchItemFailures": []}, "a batch")
    expect(bed.invoke(fixture("dynamodb-stream-damaged")) == {"batchItemFailures": []}, "a damaged record comes once")


def what_is_none_of_these_is_refused(bed):
    for event in (
        fixture("sqs"),
        fixture("eventbridge-rule-without-input"),
        fixture("scheduler-envelope-without-input"),
        {},
        {"hello": "world"},
        [1, 2],
        "text",
        {"instruction": "dance"},
    ):
        told = bed.invoke(event)
        expect(told["errorType"] == "Cellar.EventRefused", f"{event}: {told}")
    reply = bed.invoke({"requestContext": {"http": {"method": 7}}, "version": "2.0"})
    expect(reply["statusCode"] == 400, reply)
    # Whatever it was sent, it goes on.
    expect(bed.invoke(request("GET", "/health"))["statusCode"] == 200, "healthy")


ACTS = [
    *[requests_are_answered, function_urls_are_answered, stages_cookies_and_base64_are_understood],
    *[schedules_are_carried_out, streams_are_taken_in, what_is_none_of_these_is_refused],
]


def main():
    with Bed(*[os.path.realpath(program) for program in sys.argv[1:4]]) as bed:
        for act in ACTS:
            try:
                act(bed)
            except (AssertionError, KeyError, TypeError, OSError) as error:
                print(f"{bed.log.read_text(errors='replace')[-3000:]}\nrie: {act.__name__}: {error!r}", file=sys.stderr)
                return 1
            print(f"rie: {act.__name__.replace('_', ' ')}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
