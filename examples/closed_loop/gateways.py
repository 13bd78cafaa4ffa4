"""A lab's real gateway: started by its command, asked over HTTP, every answer kept in a log."""

import http.client
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from examples.closed_loop.forum import Services, free_port, run

_PATIENCE_S = 60.0


class Gateway:
    """One gateway over one store. Use it from one thread at a time."""

    def __init__(
        self, services: Services, folder: Path, store: str, sharing: Path | None = None
    ) -> None:
        """``sharing``: settings by which sign-ups are screened; None: there is no screening."""
        self.folder = folder
        self.port = free_port()
        self._settings = folder / "gateway.toml"
        run("gateway", "init", "--store", store, "--config", self._settings)
        text = self._settings.read_text(encoding="utf-8")
        self._settings.write_text(text.replace("poll_s = 0.5 ", "poll_s = 0.1 "), encoding="utf-8")
        more = ("--screen", sharing) if sharing else ()
        services.start(
            self.port, "gateway", "serve", "--config", self._settings, "--port", self.port, *more
        )
        self._decide = self._token("decide")
        self._screen = self._token("screen") if sharing else ""
        self._metrics = self._token("metrics")
        self._line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE_S)
        self._log = (folder / "gateway.jsonl").open("w", encoding="utf-8")
        services.on_exit(self.close)

    def close(self) -> None:
        """Its log is whole then."""
        self._line.close()
        self._log.close()

    def decide(self, hour: float, **carried: str | None) -> Mapping[str, Any]:
        """Ask about a request; what was asked and answered goes into the log."""
        answer = self._ask("POST", "/v1/decide", self._decide, carried)
        kept = {"hour": round(hour, 3), **carried}
        kept |= {name: answer[name] for name in ("allowed", "status", "effect", "decision")}
        self._log.write(json.dumps(kept) + "\n")
        return answer

    def screen(self, record: Mapping[str, str]) -> Mapping[str, Any]:
        """Screen a sign-up: the lead, what the policy made of it, and what stands on it."""
        return self._ask("POST", "/v1/screen", self._screen, record)

    def in_force(self, name: str, value: str) -> float | None:
        """Wait until a decision on a subject refuses what carries it; the seconds that took.

        None where the gateway's breaker holds fresh decisions back: then what carries it passes.
        """
        began = time.monotonic()
        while self._ask("POST", "/v1/decide", self._decide, {name: value})["allowed"]:
            if self._ask("GET", "/readyz", self._metrics)["breaker_open"]:
                return None
            self._patience(began, f"the decision on {value}")
        return time.monotonic() - began

    def has_seen(self, sequence: int) -> None:
        """Wait until the gateway has followed so far."""
        began = time.monotonic()
        while (known := self._ask("GET", "/readyz", self._metrics))["sequence"] < sequence:
            self._patience(began, f"change {sequence} (known: {known})")

    def _patience(self, began: float, what: str) -> None:
        if time.monotonic() - began > _PATIENCE_S:
            raise RuntimeError(
                f"{what} did not reach the gateway in {_PATIENCE_S:.0f} s: {self.folder}"
            )
        time.sleep(0.02)

    def _token(self, name: str) -> str:
        return (self.folder / f"{name}.token").read_text(encoding="utf-8").split()[0]

    def _ask(
        self, method: str, path: str, token: str, body: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        head = {"authorization": f"Bearer {token}"}
        said = json.dumps(body) if body else None
        try:
            answer = self._sent(method, path, said, head)
        except (
            ConnectionError
        ):  # an idle line is hung up; nothing is asked that may not be asked twice
            self._line.close()
            answer = self._sent(method, path, said, head)
        read = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path} of {self.folder} answered {answer.status}: {read[:300]!r}")
        found: Mapping[str, Any] = json.loads(read)
        return found

    def _sent(
        self, method: str, path: str, body: str | None, head: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        self._line.request(method, path, body, dict(head))
        return self._line.getresponse()
