"""Imports against an emulator of AWS: the real programs `bootstrap` and `importer`, each at a Runtime API of ours, over the emulator's
table, bucket and queue. The bucket tells the queue; what Lambda does with messages is done here.

`python -m cellar_infra.emulator.imports FOLDER`, where the folder holds `cellar`, `bootstrap` and `importer`.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import boto3

from cellar_infra.emulator.machine import HOME, Machine

TABLE, BUCKET, QUEUE, DEAD = "places", "places-imports", "places-import-queue", "places-import-dead"
RECEIVES = 3
PATIENCE_S = 120
Job = dict[str, Any]


class UnmetError(Exception):
    """Something is not as it should be."""


def expect(condition: object, what: str) -> None:
    if not condition:
        raise UnmetError(what)


class Function:
    """A program as a Lambda function: one environment, which can die."""

    def __init__(self, program: Path, env: dict[str, str], log: Path) -> None:
        self.events: Queue[tuple[str, bytes, float]] = Queue()
        self.answers: Queue[tuple[str, bytes]] = Queue()
        function = self

        class Runtime(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                request, event, deadline = function.events.get()
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", request)
                self.send_header("Lambda-Runtime-Deadline-Ms", str(int(deadline * 1000)))
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:1:function:f")
                self.send_header("Content-Length", str(len(event)))
                self.end_headers()
                self.wfile.write(event)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()
                function.answers.put((self.path.rsplit("/", 1)[-1], body))

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Runtime)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.log = log.open("ab")
        self.process = subprocess.Popen(
            [program],
            env=env | {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.server.server_port}"},
            stdout=self.log,
            stderr=self.log,
        )

    def invoke(self, event: Any, seconds: float) -> Any:
        """The answer; an error if the program ends without one."""
        self.start(event, seconds)
        for _ in range(PATIENCE_S * 10):
            if not self.answers.empty():
                kind, body = self.answers.get()
                expect(kind == "response", f"the function fails: {body.decode()}")
                return json.loads(body)
            expect(self.process.poll() is None, f"the program ends with {self.process.poll()}; see {self.log.name}")
            time.sleep(0.1)
        raise UnmetError("the function does not answer")

    def start(self, event: Any, seconds: float) -> None:
        self.events.put(("1", json.dumps(event).encode(), time.time() + seconds))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.server.shutdown()
        self.log.close()


class Cloud:
    """Table, bucket, queue and both functions."""

    def __init__(self, machine: Machine, programs: Path) -> None:
        self.machine, self.programs = machine, programs
        made = {"region_name": HOME, "endpoint_url": machine.env["AWS_ENDPOINT_URL"]}
        keys = {"aws_access_key_id": machine.env["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": "none"}
        self.s3, self.sqs, self.dynamodb = (boto3.client(name, **made, **keys) for name in ("s3", "sqs", "dynamodb"))
        self.env = machine.env | {
            "AWS_REGION": HOME,
            "AWS_LAMBDA_FUNCTION_NAME": "cellar",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "CELLAR_TABLE": TABLE,
            "CELLAR_WRITES_OPEN": "true",
            "CELLAR_EMF": "false",
            "CELLAR_IMPORT_BUCKET": BUCKET,
            "CELLAR_IMPORT_RECEIVES": str(RECEIVES),
            "CELLAR_IMPORT_DIR": str(machine.folder / "disk"),
        }
        self._make()
        self.env["CELLAR_IMPORT_QUEUE_URL"] = self.queue
        self.api = Function(programs / "bootstrap", self.env, machine.folder / "bootstrap.log")
        self.worker = self.new_worker()

    def _make(self) -> None:
        subprocess.run(
            [self.programs / "cellar", "table", "create", "--table", TABLE],
            env=self.env,
            check=True,
            capture_output=True,
        )
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": HOME})
        self.dead = self.sqs.create_queue(QueueName=DEAD)["QueueUrl"]
        redrive = {"deadLetterTargetArn": self.arn(self.dead), "maxReceiveCount": RECEIVES}
        attributes = {"VisibilityTimeout": "2", "RedrivePolicy": json.dumps(redrive)}
        self.queue = self.sqs.create_queue(QueueName=QUEUE, Attributes=attributes)["QueueUrl"]
        rules = [{"Name": "prefix", "Value": "uploads/"}]
        told = {
            "QueueArn": self.arn(self.queue),
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": rules}},
        }
        self.s3.put_bucket_notification_configuration(
            Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": [told]}
        )

    def arn(self, queue: str) -> str:
        return self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def new_worker(self) -> Function:
        return Function(self.programs / "importer", self.env, self.machine.folder / "importer.log")

    def ask(self, method: str, path: str, query: str = "") -> tuple[int, dict[str, str], str]:
        """A request through the function, as an HTTP API hands it over."""
        http = {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "t"}
        context = {
            "http": http,
            "stage": "$default",
            "requestId": "r",
            "accountId": "1",
            "apiId": "a",
            "domainName": "d",
            "domainPrefix": "d",
            "routeKey": "$default",
            "time": "30/Nov/2026:00:00:00 +0000",
            "timeEpoch": 1,
        }
        event = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": query,
            "headers": {"host": "d"},
            "requestContext": context,
            "isBase64Encoded": False,
        }
        answer = self.api.invoke(event, 25)
        body = answer.get("body") or ""
        text = base64.b64decode(body).decode() if answer.get("isBase64Encoded") else body
        headers = {name.lower(): value for name, value in (answer.get("headers") or {}).items()}
        return answer["statusCode"], headers, text

    def order(self, file: str, query: str = "") -> Job:
        status, headers, text = self.ask("POST", "/v1/collections/places/imports", f"bytes={len(file)}{query}")
        expect(status == 202 and headers["location"], f"an order is answered with {status}: {text}")
        return json.loads(text)

    def send(self, file: str, query: str = "") -> Job:
        job = self.order(file, query)
        put(job, file)
        return job

    def job(self, job: Job) -> Job:
        status, _, text = self.ask("GET", f"/v1/collections/places/imports/{job['id']}")
        expect(status == 200, f"a job is answered with {status}: {text}")
        return json.loads(text)

    def receive(self) -> Job | None:
        """A message as Lambda hands it over."""
        told = self.sqs.receive_message(QueueUrl=self.queue, AttributeNames=["All"], WaitTimeSeconds=0)
        for message in told.get("Messages", []):
            record = {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message.get("Attributes", {}),
                "eventSource": "aws:sqs",
            }
            return {"Records": [record]}
        return None

    def deliver(self, seconds: float = 60) -> bool:
        """Hands a message to the worker, and removes it if it was carried out; whether there was one."""
        batch = self.receive()
        if batch is None:
            return False
        report = self.worker.invoke(batch, seconds)
        if not report["batchItemFailures"]:
            self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=batch["Records"][0]["receiptHandle"])
        return True

    def deliver_until(self, condition: Callable[[], bool], what: str, seconds: float = 60) -> int:
        invocations, end = 0, time.monotonic() + PATIENCE_S
        while not condition():
            expect(time.monotonic() < end, what)
            if self.deliver(seconds):
                invocations += 1
            else:
                time.sleep(0.2)
        return invocations

    def ended(self, job: Job, seconds: float = 60) -> tuple[Job, int]:
        ends = ("done", "failed", "cancelled")
        invocations = self.deliver_until(lambda: self.job(job)["state"] in ends, "an import does not end", seconds)
        return self.job(job), invocations

    def places(self, prefix: str) -> int:
        """Places whose ids begin so."""
        pages = self.dynamodb.get_paginator("scan").paginate(
            TableName=TABLE,
            FilterExpression="begins_with(pk, :p)",
            ExpressionAttributeValues={":p": {"S": f"places#{prefix}"}},
            ConsistentRead=True,
        )
        return sum(page["Count"] for page in pages)

    def rejects(self, job: Job) -> list[Job]:
        status, headers, text = self.ask("GET", f"/v1/collections/places/imports/{job['id']}/rejects")
        expect(status == 303, f"a list is answered with {status}: {text}")
        with urllib.request.urlopen(headers["location"]) as answer:  # noqa: S310
            return [json.loads(line) for line in answer.read().decode().splitlines()]


def put(job: Job, file: str) -> int:
    """Sends the file of a job as its client is told to."""
    upload = job["upload"]
    headers = upload["headers"] | {"content-type": "text/csv"}
    request = urllib.request.Request(upload["url"], file.encode(), headers, method=upload["method"])  # noqa: S310
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def csv(prefix: str, rows: int) -> str:
    """So many records, of which every fiftieth is rejected."""
    lines = (f"{prefix}{n},{'north' if n % 50 == 49 else n % 80},{n % 170}" for n in range(rows))
    return "id,lat,lon\n" + "\n".join(lines) + "\n"


def check(cloud: Cloud, job: Job, prefix: str, rows: int) -> None:
    """No record is lost, and what was not stored is listed once, with its line."""
    expect(job["state"] == "done", f"the import is {job}")
    rejected = rows // 50
    found = (job["read"], job["stored"], job["rejected"], cloud.places(prefix))
    expect(
        found == (rows, rows - rejected, rejected, rows - rejected), f"read, stored, rejected, in the table: {found}"
    )
    lines = [reject["line"] for reject in cloud.rejects(job)]
    expect(lines == [n + 2 for n in range(rows) if n % 50 == 49], f"the list has the lines {lines[:10]} …")


def a_file_is_imported_and_its_upload_happens_once(cloud: Cloud) -> None:
    file = csv("a", 500)
    job = cloud.order(file)
    expect(job["state"] == "uploading", f"it is {job['state']}")
    expect(put(job, file) == 200, "the file is not taken")
    again = put(job, file)
    expect(again == 412, f"a second upload is answered with {again}")
    done, _ = cloud.ended(job)
    check(cloud, done, "a", 500)
    keys = [one["Key"] for one in cloud.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]
    expect(keys == [f"rejects/places/{job['id']}"], f"the bucket has {keys}")


def an_import_takes_several_invocations(cloud: Cloud) -> None:
    job = cloud.send(csv("b", 16_000))
    done, invocations = cloud.ended(job, seconds=3)
    check(cloud, done, "b", 16_000)
    expect(invocations > 1, "all was done in one invocation")


def a_worker_dies_and_another_goes_on(cloud: Cloud) -> None:
    job = cloud.send(csv("c", 12_000))
    batch = None
    while batch is None:
        batch = cloud.receive()
    cloud.worker.start(batch, 15)
    end = time.monotonic() + PATIENCE_S
    while (seen := cloud.job(job))["read"] == 0:
        expect(time.monotonic() < end, "the worker does not begin")
    expect(seen["state"] == "running", f"it was too quick: {seen['state']}")
    cloud.worker.kill()
    subprocess.run(["rm", "-rf", cloud.env["CELLAR_IMPORT_DIR"]], check=True)
    cloud.worker = cloud.new_worker()
    done, _ = cloud.ended(job)
    check(cloud, done, "c", 12_000)
    expect(done["resumed"] >= 1, f"resumed {done['resumed']} times")


def a_message_that_comes_twice_does_no_harm(cloud: Cloud) -> None:
    job = cloud.send(csv("d", 300))
    body = json.dumps({"import": {"collection": "places", "id": job["id"]}})
    for _ in range(2):
        cloud.sqs.send_message(QueueUrl=cloud.queue, MessageBody=body)
    done, _ = cloud.ended(job)
    while cloud.deliver():
        pass
    expect(cloud.job(job) == done, "it has changed after its end")
    check(cloud, done, "d", 300)


def a_job_is_cancelled_while_it_runs(cloud: Cloud) -> None:
    job = cloud.send(csv("e", 30_000))
    batch = None
    while batch is None:
        batch = cloud.receive()
    cloud.worker.start(batch, 60)
    while cloud.job(job)["read"] == 0:
        pass
    status, _, text = cloud.ask("POST", f"/v1/collections/places/imports/{job['id']}/cancel")
    expect(status == 200 and json.loads(text)["state"] == "cancelled", f"{status}: {text}")
    kind, report = cloud.worker.answers.get(timeout=PATIENCE_S)
    expect(kind == "response" and not json.loads(report)["batchItemFailures"], f"{kind}: {report.decode()}")
    cloud.sqs.delete_message(QueueUrl=cloud.queue, ReceiptHandle=batch["Records"][0]["receiptHandle"])
    stored = cloud.places("e")
    expect(0 < stored < 29_400, f"{stored} places are stored")


def messages_that_nobody_can_carry_out_become_dead_letters(cloud: Cloud) -> None:
    cloud.sqs.send_message(QueueUrl=cloud.queue, MessageBody="hello")
    file = csv("f", 10)
    job = cloud.order(file)
    put(job, file)
    # Nobody may read it: what S3 answers is made up by putting another bucket into the worker's hands.
    cloud.worker.kill()
    wrong = cloud.env | {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}
    cloud.worker = Function(cloud.programs / "importer", wrong, cloud.machine.folder / "importer.log")

    def dead() -> int:
        told = cloud.sqs.get_queue_attributes(QueueUrl=cloud.dead, AttributeNames=["ApproximateNumberOfMessages"])
        return int(told["Attributes"]["ApproximateNumberOfMessages"])

    end = time.monotonic() + 3 * PATIENCE_S
    while dead() < 2 or cloud.job(job)["state"] != "failed":
        expect(time.monotonic() < end, f"{dead()} dead letters, and the job is {cloud.job(job)}")
        if (batch := cloud.receive()) is None:
            time.sleep(0.2)
            continue
        report = cloud.worker.invoke(batch, 20)
        expect(report["batchItemFailures"], "it was carried out")
        # Its pause is of half a minute; nobody waits for that here.
        receipt = batch["Records"][0]["receiptHandle"]
        cloud.sqs.change_message_visibility(QueueUrl=cloud.queue, ReceiptHandle=receipt, VisibilityTimeout=0)
    failed = cloud.job(job)
    expect("begun 2 times" in failed["error"], f"it says {failed['error']}")


ACTS: list[Callable[[Cloud], None]] = [
    a_file_is_imported_and_its_upload_happens_once,
    an_import_takes_several_invocations,
    a_worker_dies_and_another_goes_on,
    a_message_that_comes_twice_does_no_harm,
    a_job_is_cancelled_while_it_runs,
    messages_that_nobody_can_carry_out_become_dead_letters,
]


def main() -> int:
    """Prints each act with its time."""
    programs = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="cellar-imports.") as folder, Machine(Path(folder)) as machine:
        cloud = Cloud(machine, programs)
        try:
            status, _, text = cloud.ask("PUT", "/v1/collections/places")
            expect(status == 201, f"a collection is answered with {status}: {text}")
            for act in ACTS:
                name, start = act.__name__.replace("_", " "), time.monotonic()
                act(cloud)
                print(f"emulator: {name}, {time.monotonic() - start:.0f} s", flush=True)
        except UnmetError as unmet:
            log = Path(folder) / "importer.log"
            print(f"emulator: {unmet}\n{log.read_text()[-3000:]}", file=sys.stderr)
            return 1
        finally:
            cloud.api.kill()
            cloud.worker.kill()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
