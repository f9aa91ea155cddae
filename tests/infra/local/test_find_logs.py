"""Lines about one request or run, from all files of a stack."""

import http.server
import json
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from infra.local import find_logs
from infra.local.layout import Layout

RUN_ID = "0123456789abcdef0123456789abcdef"
RUN = "training-20260105-083000-1a2b"


@pytest.fixture
def written(clone: Layout) -> Layout:
    logs = {
        clone.logs / "serving.log.1": '{"request_id":"r-123","status":503}\n',
        clone.logs
        / "serving.log": '{"request_id":"r-123","status":200}\n{"request_id":"r-1234"}\n{"request_id":"x"}\n',
        clone.logs / "serving-a.log": '{"request_id": "r-123", "message": "no prediction"}\n',
        clone.predictions / "predictions-1.jsonl": '{"request_id":"r-123","index":0}\n{"request_id":"0r-123"}\n',
        clone.pipeline_root / "logs" / f"{RUN}.log": f'{{"run": "{RUN}", "run_id": "{RUN_ID}", "step": "ingest"}}\n',
    }
    for minute, (file, content) in enumerate(logs.items()):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        # Many file systems tell files of the same few milliseconds not apart.
        os.utime(file, (60 * minute, 60 * minute))
    return clone


def test_lines_of_a_request_come_from_proxy_service_and_journal(written: Layout) -> None:
    found = [(file.name, json.loads(line)) for file, line in find_logs.lines_about(find_logs.files(written), "r-123")]
    assert [name for name, _ in found] == ["serving.log.1", "serving.log", "serving-a.log", "predictions-1.jsonl"]
    assert {line["request_id"] for _, line in found} == {"r-123"}


def test_a_file_that_is_rotated_away_meanwhile_is_passed_over(written: Layout) -> None:
    (written.logs / "mlflow.log.3").symlink_to("nowhere")
    assert len(list(find_logs.lines_about(find_logs.files(written), "r-123"))) == 4


@pytest.mark.parametrize("identity", [RUN_ID, RUN])
def test_lines_of_a_run_are_found_by_its_id_and_by_its_name(written: Layout, identity: str) -> None:
    lines = [line for _, line in find_logs.lines_about(find_logs.files(written), identity)]
    assert [json.loads(line)["step"] for line in lines] == ["ingest"]
    assert find_logs.run_id_of(lines, identity) == RUN_ID


class Tracking(http.server.BaseHTTPRequestHandler):
    """Answers for one run as MLflow's API does."""

    def do_GET(self) -> None:
        step = json.dumps({"status": "failed", "seconds": 1.5, "started": "now", "error": "why", "parameters": {}})
        tags = [{"key": "keelson.pipeline", "value": "training"}, {"key": "keelson.step.ingest", "value": step}]
        run = {"info": {"run_name": RUN, "status": "FAILED"}, "data": {"tags": tags}}
        known = self.path.endswith(f"run_id={RUN_ID}")
        self.send_response(200 if known else 404)
        self.end_headers()
        self.wfile.write(json.dumps({"run": run} if known else {}).encode())

    def log_message(self, format: str, *args: Any) -> None:
        return None


@pytest.fixture
def tracking() -> Iterator[str]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Tracking)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_run_is_told_with_its_steps(tracking: str) -> None:
    facts = find_logs.run_facts(tracking, RUN_ID)
    assert facts is not None
    assert (facts["name"], facts["status"], facts["pipeline"]) == (RUN, "FAILED", "training")
    assert facts["steps"] == {"ingest": {"status": "failed", "started": "now", "seconds": 1.5, "error": "why"}}
    assert find_logs.run_facts(tracking, "r-123") is None
