"""GitHub's REST API: bounded retries, and refusals that say what is missing.

A token is taken from GH_TOKEN or GITHUB_TOKEN, and is in no message.
"""

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_base

# The last version whose answers the tests were written after.
_API_VERSION = "2022-11-28"
_TRIES = 4
# GitHub asks for a pause of up to an hour; a person waits for a minute, and comes back for more.
_LONGEST_WAIT_SECONDS = 60
_PASSING = {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}


class GitHubError(RuntimeError):
    """GitHub did not do what was asked; the message says what, why, and what to do."""


class Absent(GitHubError):
    """What was asked for is not there, or the token may not know that it is."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """Where GitHub is, and as whom it is asked.

    Attributes:
        address: Of the API; another one for GitHub Enterprise.
    """

    token: str = field(repr=False)
    address: str = "https://api.github.com"


def access(environment: Mapping[str, str]) -> Access:
    """How the environment says that GitHub is reached.

    Raises:
        GitHubError: It holds no token.
    """
    token = environment.get("GH_TOKEN") or environment.get("GITHUB_TOKEN")
    if not token:
        raise GitHubError(
            "There is no token: set GH_TOKEN, for a person by `export GH_TOKEN=$(gh auth token)`; "
            "docs/repository.md says what it must be allowed."
        )
    return Access(token=token, address=environment.get("GITHUB_API_URL") or Access.address)


class GitHub:
    """A session with GitHub's API; use it as a context manager."""

    def __init__(self, access: Access, *, pause: float = 1.0) -> None:
        """Nothing is asked yet.

        Args:
            pause: Seconds before the second try; twice as long before each further one.
        """
        self._client = httpx.Client(
            base_url=access.address,
            headers={
                "Authorization": f"Bearer {access.token}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": _API_VERSION,
            },
            timeout=30,
        )
        self._pause = pause

    def __enter__(self) -> "GitHub":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, path: str, **parameters: str | int) -> Any:
        """What stands at a path.

        Raises:
            Absent: Nothing.
            GitHubError: It could not be had.
        """
        return self.send("GET", path, parameters=parameters)

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        parameters: Mapping[str, str | int] | None = None,
        harmless_twice: bool = False,
    ) -> Any:
        """Ask for one thing; returns the answer's JSON, or None where there is none.

        Args:
            harmless_twice: A POST that may be tried again though the first one perhaps arrived.

        Raises:
            Absent: There is nothing at the path.
            GitHubError: GitHub refused, or could not be reached.
        """
        return _content(self._try(method, path, body, parameters, harmless_twice or method != "POST"))

    def pages(
        self, path: str, key: str | None = None, *, parameters: Mapping[str, str | int] | None = None
    ) -> Iterator[Any]:
        """Everything in a list that comes in pages.

        Args:
            key: Of the list in each answer; the answer itself is the list if it is not given.

        Raises:
            GitHubError: As for ``ask``.
        """
        answer = self._try("GET", path, None, {**(parameters or {}), "per_page": 100})
        while True:
            content = _content(answer)
            yield from content[key] if key else content
            if "next" not in answer.links:
                return
            answer = self._try("GET", answer.links["next"]["url"], None, None)

    def _try(
        self,
        method: str,
        path: str,
        body: Any,
        parameters: Mapping[str, str | int] | None,
        harmless_twice: bool = True,
    ) -> httpx.Response:
        # A change is tried again only where the first try cannot have made it, or where making it twice is one change.
        retrying = Retrying(
            retry=retry_if_exception(lambda error: _passes(error, harmless_twice)),
            stop=stop_after_attempt(_TRIES),
            wait=_Wait(self._pause),
            reraise=True,
        )
        try:
            return retrying(self._once, method, path, body, parameters)
        except _Refused as refused:
            raise _error(refused.answer) from None
        except httpx.HTTPError as error:
            raise GitHubError(f"{method} {path}: GitHub could not be reached ({type(error).__name__}).") from None

    def _once(self, method: str, path: str, body: Any, parameters: Mapping[str, str | int] | None) -> httpx.Response:
        answer = self._client.request(method, path, json=body, params=parameters)
        if not answer.is_success:
            raise _Refused(answer)
        return answer


class _Refused(Exception):
    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(answer.status_code)
        self.answer = answer


class _Wait(wait_base):
    """As long as GitHub asks for, else twice as long each time."""

    def __init__(self, pause: float) -> None:
        self._pause = pause

    def __call__(self, retry_state: Any) -> float:
        error = retry_state.outcome.exception()
        asked = _asked_to_wait(error.answer) if isinstance(error, _Refused) else None
        return self._pause * 2 ** (retry_state.attempt_number - 1) if asked is None else asked


def _passes(error: BaseException, harmless_twice: bool) -> bool:
    """Whether the same request may succeed in a while, and does no harm if the first one did after all."""
    if isinstance(error, httpx.ConnectError):
        return True
    if isinstance(error, httpx.TransportError):
        return harmless_twice
    if not isinstance(error, _Refused):
        return False
    answer = error.answer
    if answer.status_code in _PASSING:
        return harmless_twice
    wait = _asked_to_wait(answer)
    return wait is not None and wait <= _LONGEST_WAIT_SECONDS


def _asked_to_wait(answer: httpx.Response) -> float | None:
    """Seconds, where the answer is that too much was asked; None where it is another one."""
    if answer.status_code not in {HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}:
        return None
    if "retry-after" in answer.headers:
        return float(answer.headers["retry-after"])
    if answer.headers.get("x-ratelimit-remaining") == "0":
        now = datetime.datetime.now(tz=datetime.UTC).timestamp()
        return max(0.0, float(answer.headers["x-ratelimit-reset"]) - now)
    # The secondary limit says so in words alone, and wants a minute at least.
    return float(_LONGEST_WAIT_SECONDS) if "secondary rate limit" in answer.text else None


def _content(answer: httpx.Response) -> Any:
    return answer.json() if answer.content else None


def _error(answer: httpx.Response) -> GitHubError:
    """The refusal as one sentence."""
    what = f"{answer.request.method} {answer.request.url.path}"
    said = _said(answer)
    if (wait := _asked_to_wait(answer)) is not None:
        return GitHubError(f"{what}: too many requests; run this again in {wait / 60:.0f} minutes.")
    match answer.status_code:
        case HTTPStatus.UNAUTHORIZED:
            return GitHubError(f"{what}: GitHub does not know the token, or it has expired ({said}).")
        case HTTPStatus.FORBIDDEN:
            needs = answer.headers.get("x-accepted-github-permissions") or answer.headers.get("x-accepted-oauth-scopes")
            return GitHubError(f"{what}: the token may not ({said}){f'; it needs {needs}' if needs else ''}.")
        case HTTPStatus.NOT_FOUND:
            return Absent(f"{what}: there is no such thing, or the token may not see it ({said}).")
        case HTTPStatus.MOVED_PERMANENTLY | HTTPStatus.TEMPORARY_REDIRECT | HTTPStatus.PERMANENT_REDIRECT:
            return GitHubError(f"{what}: the repository has another name now; give that one.")
        case status:
            return GitHubError(f"{what}: GitHub answered {status} ({said}).")


def _said(answer: httpx.Response) -> str:
    """GitHub's own words, with the fields that it names."""
    try:
        content = answer.json()
    except ValueError:
        return answer.reason_phrase
    errors = content.get("errors") or []
    words = [one if isinstance(one, str) else one.get("message") or str(one) for one in errors]
    return "; ".join([str(content.get("message", answer.reason_phrase)), *words])
