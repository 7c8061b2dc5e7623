"""A RabbitMQ cluster on 127.0.0.1."""

from contextlib import ExitStack, contextmanager
from pathlib import Path
import subprocess
from typing import TYPE_CHECKING, Final, Self

from .process import environment
from .rabbitmq import NameServer, Node

if TYPE_CHECKING:
    from collections.abc import Iterator

#: In seconds: Erlang asks each node four times in that time whether it lives.
_NET_TICK_SECONDS: Final = 5
_JOINED_SECONDS: Final = 60
_COMMAND_SECONDS: Final = 60


class RabbitMQCluster:
    """Several nodes of RabbitMQ that form a cluster.

    Anybody may do everything. Each node has a directory, ports and a log of its own.
    """

    def __init__(self, directory: Path, *, nodes: int, partition: str) -> None:
        """Write the configurations; `directory` is created.

        `partition` is what RabbitMQ does when a partition of the network is over.

        Raises RuntimeError if it is not installed.
        """
        directory.mkdir(parents=True, exist_ok=True)
        directory = directory.resolve()
        self._names = NameServer(directory)
        names = [f"vesper-{number}" for number in range(1, nodes + 1)]
        settings = [
            "cluster_formation.peer_discovery_backend = classic_config",
            *(
                f"cluster_formation.classic_config.nodes.{number} = {name}@localhost"
                for number, name in enumerate(names, 1)
            ),
            f"cluster_partition_handling = {partition}",
            f"net_ticktime = {_NET_TICK_SECONDS}",
        ]
        self.nodes: Final = []
        for name in names:
            own = directory / name
            own.mkdir()
            self.nodes.append(Node(own, self._names, name=name, settings=settings))

    def __enter__(self) -> Self:
        """Start the cluster."""
        try:
            self._names.start()
            # Alone at first: the others join it.
            first, *others = self.nodes
            first.start()
            for node in others:
                node.launch()
            for node in others:
                node.wait_until_started()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the cluster."""
        with ExitStack() as stack:
            stack.callback(self._names.stop)
            for node in self.nodes:
                stack.callback(node.kill)

    @contextmanager
    def partitioned(self, node: Node) -> Iterator[None]:
        """Cut a node off from the other nodes."""
        names = ", ".join(f"'{other.name}'" for other in self.nodes if other != node)
        # It does not let them in, and they do not let it in, without their cookie.
        self.control(
            node,
            "eval",
            f"Others = [{names}],"
            # All of them first: else one might ask it by way of another.
            " [erlang:set_cookie(Node, wrong) || Node <- Others],"
            " [erlang:disconnect_node(Node) || Node <- Others].",
        )
        try:
            yield
        finally:
            self.control(
                node,
                "eval",
                f"Others = [{names}],"
                " [erlang:set_cookie(Node, erlang:get_cookie()) || Node <- Others].",
            )

    def control(self, node: Node, *command: str) -> str:
        """Run `rabbitmqctl` and return what it prints."""
        program = self._names.server.with_name("rabbitmqctl")
        return subprocess.run(  # noqa: S603  # the rig's own commands
            [program, "--quiet", "--node", node.name, *command],
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            env=environment(**self._names.environment),
        ).stdout
