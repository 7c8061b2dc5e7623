"""Marketplace of a Home Assistant, as its pages do."""

from collections.abc import Callable
from typing import Any, Final

from .api import ApiError
from .github import FULL_NAME, GitHub
from .home_assistant import HomeAssistant

_SECONDS: Final = 30


class Marketplace:
    """What a user does in Marketplace with Vesper."""

    def __init__(self, home_assistant: HomeAssistant, github: GitHub) -> None:
        """Connect nothing yet."""
        self._home_assistant: Final = home_assistant
        self._api: Final = home_assistant.api
        self._github: Final = github

    def accept_warning(self) -> None:
        """Wait until it has started, and accept its warning."""
        self._wait_until_started()
        self._api.command("marketplace/warning/accept")

    def connect_github(self) -> None:
        """Enter the code that it shows on GitHub."""
        flow_id = self._api.command("marketplace/github/connect")["flow_id"]
        path = f"/api/config/config_entries/flow/{flow_id}"
        shown = self._api.post(path)
        self._github.confirm(shown["description_placeholders"]["code"])

        def is_connected() -> bool:
            answer = self._api.get(path)
            return bool(answer.get("reason") == "reconfigure_successful")

        self._wait(is_connected, "a connection to GitHub")
        self._wait_until_started()

    def add_from_link(self) -> None:
        """Add the repository as the type that it proposes.

        Raises ApiError if it is rejected.
        """
        link = f"https://github.com/{FULL_NAME}"
        detect = "marketplace/repositories/detect"
        (category,) = self._api.command(detect, repository=link)["categories"]
        add = "marketplace/repositories/add"
        self._api.command(add, repository=link, category=category)

    def repository(self) -> dict[str, Any]:
        """Return what its page shows of the repository.

        Raises LookupError if it is not in the list.
        """
        for repository in self._api.command("marketplace/repositories/list"):
            if repository["full_name"] == FULL_NAME:
                info = "marketplace/repository/info"
                shown: dict[str, Any] = self._api.command(
                    info, repository_id=repository["id"]
                )
                return shown
        raise LookupError(FULL_NAME)

    def install(self) -> None:
        """Install the version that is offered.

        Raises ApiError if that fails.
        """
        repository = self.repository()
        self._api.command(
            "marketplace/repository/install",
            repository=repository["id"],
            version=repository["available_version"],
        )

    def refresh(self) -> None:
        """Look for a new version."""
        self._command("repository/refresh")

    def update(self) -> None:
        """Install the update, as its dialog does.

        Raises ApiError if that fails.
        """
        entity_id = self.repository()["update_entity_id"]
        self._api.post("/api/services/update/install", {"entity_id": entity_id})

    def uninstall(self) -> None:
        """Uninstall the repository.

        Raises ApiError if that is refused.
        """
        self._command("repository/uninstall")

    def remove(self) -> None:
        """Remove the repository from the list.

        Raises ApiError if that is refused.
        """
        self._command("repositories/remove")

    def issues(self) -> list[str]:
        """Return what its repair issues are about."""
        issues = self._api.command("repairs/list_issues")["issues"]
        return [
            issue["translation_key"]
            for issue in issues
            if issue["domain"] == "marketplace"
        ]

    def _command(self, command: str) -> None:
        repository_id = self.repository()["id"]
        self._api.command(f"marketplace/{command}", repository=repository_id)

    def _wait_until_started(self) -> None:
        def has_started() -> bool:
            try:
                info = self._api.command("marketplace/info")
            except ApiError:  # it is reloaded
                return False
            return bool(info["stage"] == "running")

        self._wait(has_started, "the end of its start")

    def _wait(self, is_so: Callable[[], bool], what: str) -> None:
        self._home_assistant.wait_until(is_so, timeout=_SECONDS, what=what)
