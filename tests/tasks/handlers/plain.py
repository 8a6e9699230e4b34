"""Handlers of plain functions."""

import ctypes
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from decimal import Decimal
from pathlib import Path


def echo(event, context):
    return event


def process(event, context):
    return os.getpid()


def raises(event, context):
    raise Exception("Some exception was raised.")


def raises_deeper(event, context):
    return json.loads("{")


def a_set(event, context):
    return {1, 2}


def not_a_number(event, context):
    return float("nan")


def decimals(event, context):
    return [Decimal("1.5"), Decimal("7")]


def json_bytes(event, context):
    return b'"HelloWorld!"'


def large(event, context):
    return "x" * 6_300_000


def exits(event, context):
    sys.exit(event)


def killed(event, context):
    os.kill(os.getpid(), signal.SIGKILL)


def crashes(event, context):
    print("before the crash")
    sys.stdout.write("half a line")
    ctypes.string_at(0)


def busy(event, context):
    Path(event).write_text(str(os.getpid()))
    while True:
        pass


def sleeps(event, context):
    time.sleep(event)
    return "slept"


def waits_for(event, context):
    """Tells that it runs by a file, and ends when another file is there."""
    Path(event["running"]).write_text(str(os.getpid()))
    while not Path(event["until"]).exists():
        time.sleep(0.002)
    return os.getpid()


def notes(event, context):
    with Path(event["file"]).open("a") as file:
        file.write(f"{event['text']}\n")


def starts_a_child(event, context):
    child = subprocess.Popen(["sleep", "3600"])
    Path(event).write_text(str(child.pid))
    child.wait()


def environment(event, context):
    return dict(os.environ)


def describe(event, context):
    client = context.client_context
    return {
        "function_name": context.function_name,
        "function_version": context.function_version,
        "invoked_function_arn": context.invoked_function_arn,
        "memory": int(context.memory_limit_in_mb) > 0,
        "aws_request_id": context.aws_request_id,
        "log_group_name": context.log_group_name,
        "log_stream_name": context.log_stream_name,
        "remaining": context.get_remaining_time_in_millis(),
        "client": client and client.client and client.client.app_title,
        "custom": client and client.custom,
        "identity": context.identity.cognito_identity_id,
        "idempotency_key": context.idempotency_key,
    }


def prints(event, context):
    print("to standard output")
    print("to standard error", file=sys.stderr)
    logging.getLogger("app").warning("to the log")
    os.write(1, b"past Python\n")
    thread = threading.Thread(target=print, args=("from a thread",))
    thread.start()
    thread.join()
    print("without an end", end="")


def prints_many_lines(event, context):
    lines = [str(n) for n in range(event["lines"])]
    match event["way"]:
        case "at once":
            print("\n".join(lines))
        case "one by one":
            for line in lines:
                print(line)
        case "past Python":
            subprocess.run(["cat"], input="\n".join(lines).encode(), check=True)


def prints_a_long_line(event, context):
    print("x" * event)


class Greeter:
    @staticmethod
    def greet(event, context):
        return f"Hello, {event}!"
