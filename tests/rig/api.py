"""A client of Home Assistant's API, as a user."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
import threading
from typing import Any, Final, Self

import aiohttp

_CALL_SECONDS: Final = 30


class ApiError(Exception):
    """Home Assistant rejected a request, with the reason."""


class LoginError(ApiError):
    """Home Assistant rejected the login."""


class Api:
    """A blocking HTTP and websocket client of Home Assistant.

    It works in a thread of its own, so that it may be called beside anything, a running
    event loop too. A websocket is open only as long as its one command takes: Home
    Assistant, when it is stopped, waits for those that are open.
    """

    def __init__(self, url: str) -> None:
        """Make a client for `url`, not logged in yet."""
        self.url: Final = url
        self.token: str | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._session = self._run(self._open())

    def close(self) -> None:
        """Close the connections."""
        self._run(self._session.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def request(self, method: str, path: str, **kwargs: Any) -> Any:
        """Return a call's response, as JSON if it is.

        `kwargs` are aiohttp's.

        Raises ApiError for a status of 400 and above, OSError if the server
        does not respond.
        """
        return self._run(self._request(method, path, **kwargs))

    def get(self, path: str) -> Any:
        """Return the JSON response of a GET.

        Raises as `request` does.
        """
        return self.request("GET", path)

    def post(self, path: str, data: Mapping[str, Any] | None = None) -> Any:
        """Post JSON and return the response.

        Raises as `request` does.
        """
        return self.request("POST", path, json=data or {})

    def upload(self, path: str, file: Path) -> Any:
        """Post a file and return the response.

        Raises as `request` does.
        """
        form = aiohttp.FormData()
        form.add_field("file", file.read_bytes(), filename=file.name)
        return self.request("POST", path, data=form)

    def command(self, command: str, **fields: Any) -> Any:
        """Return the result of one websocket command.

        Raises ApiError if it is rejected, OSError if the server does not
        respond.
        """
        return self._run(self._command(command, fields))

    def first_event(
        self, command: str, *, timeout: float = _CALL_SECONDS, **fields: Any
    ) -> Any:
        """Return the first event of a websocket subscription.

        Raises ApiError if it is rejected, TimeoutError if there is none in
        `timeout` seconds, OSError if the server does not respond.
        """
        return self._run(self._first_event(command, fields), timeout)

    def is_running(self) -> bool:
        """Return whether Home Assistant has started up.

        Raises ApiError if the login is not valid, OSError if the server does
        not respond.
        """
        return bool(self.get("/api/config")["state"] == "RUNNING")

    def is_answering(self) -> bool:
        """Return whether Home Assistant responds, with any login."""
        try:
            self.get("/manifest.json")
        except OSError, ApiError:
            return False
        return True

    def onboard(self, *, name: str, username: str, password: str) -> None:
        """Create the first user and store its login."""
        answer = self.post(
            "/api/onboarding/users",
            {
                "name": name,
                "username": username,
                "password": password,
                "client_id": f"{self.url}/",
                "language": "en",
            },
        )
        tokens = self.request(
            "POST",
            "/auth/token",
            data={
                "grant_type": "authorization_code",
                "client_id": f"{self.url}/",
                "code": answer["auth_code"],
            },
        )
        self.token = tokens["access_token"]
        self.token = self.command(
            "auth/long_lived_access_token", client_name="rig", lifespan=3650
        )

    def entries(self, domain: str) -> list[dict[str, Any]]:
        """Return an integration's configuration entries (`entry_id`, `state`...)."""
        entries: list[dict[str, Any]] = self.get(
            f"/api/config/config_entries/entry?domain={domain}"
        )
        return entries

    def entry_ids(self, domain: str) -> list[str]:
        """Return the ids of an integration's configuration entries."""
        return [entry["entry_id"] for entry in self.entries(domain)]

    def run_flow(
        self, domain: str, *forms: Mapping[str, Any], entry_id: str | None = None
    ) -> dict[str, Any]:
        """Run an integration's config flow with these inputs.

        With an `entry_id` it is the flow that reconfigures this entry. Returns
        the flow's last result. Raises ApiError with it if it does not end with
        an entry.
        """
        start = {"handler": domain} | ({"entry_id": entry_id} if entry_id else {})
        answer = self._go_through("/api/config/config_entries/flow", start, forms)
        if entry_id and answer.get("reason") == "reconfigure_successful":
            return answer
        return _with_entry(f"The config flow of {domain}", answer)

    def set_options(self, entry_id: str, **options: Any) -> None:
        """Run an entry's options flow with these limits.

        Raises ApiError with the flow's last result if it rejects them.
        """
        answer = self._go_through(
            "/api/config/config_entries/options/flow",
            {"handler": entry_id},
            [{"next_step_id": "limits"}, options],
        )
        _with_entry("The options flow", answer)

    def turn_off_discovery(self) -> None:
        """Turn the discovery of MQTT off."""
        (entry_id,) = self.entry_ids("mqtt")
        answer = self._go_through(
            "/api/config/config_entries/options/flow",
            {"handler": entry_id},
            [{"discovery": False}],
        )
        _with_entry("The options flow", answer)

    def make_key(self, entry_id: str) -> str:
        """Enable heartbeats over HTTP and return a new key.

        Raises ApiError with the flow's last result if it makes none.
        """
        path = "/api/config/config_entries/options/flow"
        forms: list[Mapping[str, Any]] = [{"next_step_id": "http"}, {"enabled": True}]
        shown = self._go_through(path, {"handler": entry_id}, forms)
        if shown["step_id"] == "renew_key":
            shown = self.post(f"{path}/{shown['flow_id']}", {"new_key": True})
        answer = self.post(f"{path}/{shown['flow_id']}", {})
        _with_entry("The options flow", answer)
        key: str = shown["data_schema"][0]["description"]["suggested_value"]
        return key

    def states(self) -> dict[str, dict[str, Any]]:
        """Return all states (`state`, `attributes`, `last_changed`...) by entity id."""
        return {state["entity_id"]: state for state in self.get("/api/states")}

    def _go_through(
        self,
        path: str,
        start: Mapping[str, Any],
        forms: Iterable[Mapping[str, Any]],
    ) -> dict[str, Any]:
        answer: dict[str, Any] = self.post(path, start)
        for form in forms:
            if answer["type"] not in ("form", "menu"):
                break
            answer = self.post(f"{path}/{answer['flow_id']}", form)
        return answer

    def _run[T](
        self, coroutine: Coroutine[Any, Any, T], timeout: float = _CALL_SECONDS
    ) -> T:
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result(timeout)
        # TypeError: the message received was the end of the websocket.
        except (aiohttp.ClientError, aiohttp.WSMessageTypeError) as error:
            raise ConnectionError(str(error)) from error
        finally:
            future.cancel()

    async def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(self.url)

    async def _request(self, method: str, path: str, **kwargs: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= kwargs.pop("headers", {})
        async with self._session.request(
            method, path, headers=headers, **kwargs
        ) as response:
            if response.status == HTTPStatus.UNAUTHORIZED:
                msg = f"{method} {path}: the login is not valid"
                raise LoginError(msg)
            if response.status >= HTTPStatus.BAD_REQUEST:
                text = (await response.text())[:500]
                msg = f"{method} {path}: {response.status} {response.reason}: {text}"
                raise ApiError(msg)
            if "json" in response.content_type:
                return await response.json()
            return await response.text()

    async def _command(self, command: str, fields: Mapping[str, Any]) -> Any:
        async with self._commanded(command, fields) as (_, result):
            return result

    async def _first_event(self, command: str, fields: Mapping[str, Any]) -> Any:
        async with self._commanded(command, fields) as (socket, _):
            return (await socket.receive_json())["event"]

    @asynccontextmanager
    async def _commanded(
        self, command: str, fields: Mapping[str, Any]
    ) -> AsyncIterator[tuple[aiohttp.ClientWebSocketResponse, Any]]:
        """Run a websocket command; yield socket and result."""
        async with self._session.ws_connect("/api/websocket", max_msg_size=0) as socket:
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": self.token})
            answer = await socket.receive_json()
            if answer["type"] != "auth_ok":
                msg = f"The login is not valid: {answer.get('message')}"
                raise LoginError(msg)
            await socket.send_json({"id": 1, "type": command, **fields})
            answer = await socket.receive_json()
            if not answer["success"]:
                msg = f"{command}: {answer['error']['message']}"
                raise ApiError(msg)
            yield socket, answer["result"]


def _with_entry(flow: str, answer: dict[str, Any]) -> dict[str, Any]:
    if answer["type"] != "create_entry":
        reason = answer.get("errors") or answer.get("reason") or answer["type"]
        msg = f"{flow} made no entry: {reason}"
        raise ApiError(msg)
    return answer
