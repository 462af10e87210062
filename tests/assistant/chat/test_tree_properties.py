"""Random work on conversations, in two connections at once, compared with a model of plain Python lists and dicts."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from rushlight.assistant.chat.conversations import Conversations
from rushlight.assistant.store.database import Store

TEXTS = st.text(max_size=8)
PICKS = st.integers(0, 10**6)


@dataclass
class Node:
    id: str
    parent: str | None
    content: str
    state: str = "complete"


@dataclass
class Tree:
    id: str
    title: str
    nodes: list[Node] = field(default_factory=list)
    head: str | None = None
    deleted: bool = False

    def node(self, node_id: str) -> Node:
        return next(one for one in self.nodes if one.id == node_id)

    def line(self, node_id: str | None) -> list[Node]:
        line: list[Node] = []
        while node_id is not None:
            line.insert(0, self.node(node_id))
            node_id = line[0].parent
        return line

    def below(self, parent: str | None) -> list[Node]:
        return [one for one in self.nodes if one.parent == parent]

    def leaf(self, node_id: str) -> str:
        while children := self.below(node_id):
            node_id = children[-1].id
        return node_id


class Work(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "rushlight.db"
        self.stores = [Store(path), Store(path)]
        self.each = [Conversations(store) for store in self.stores]
        self.trees: list[Tree] = []

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        self.folder.cleanup()

    def one(self, pick: int) -> Conversations:
        return self.each[pick % 2]

    def tree(self, pick: int) -> Tree:
        return self.trees[pick % len(self.trees)]

    def alive(self, pick: int) -> Tree | None:
        alive = [tree for tree in self.trees if not tree.deleted]
        return alive[pick % len(alive)] if alive else None

    @rule(title=TEXTS, pick=PICKS)
    def create(self, title: str, pick: int) -> None:
        made = self.one(pick).create(title)
        self.trees.append(Tree(made.id, " ".join(title.split())))

    @precondition(lambda self: self.trees)
    @rule(text=TEXTS, pick=PICKS, at=PICKS, head=st.booleans(), partial=st.booleans())
    def append(self, text: str, pick: int, at: int, head: bool, partial: bool) -> None:
        tree = self.alive(pick)
        if tree is None:
            return
        parents = [None, *(node.id for node in tree.nodes)]
        parent = parents[at % len(parents)]
        state = "partial" if partial else "complete"
        made = self.one(pick).append(tree.id, parent, "user", text, make_head=head, state=state)
        tree.nodes.append(Node(made.id, parent, text, state))
        if head:
            tree.head = made.id

    @precondition(lambda self: self.trees)
    @rule(text=TEXTS, pick=PICKS, at=PICKS)
    def edit(self, text: str, pick: int, at: int) -> None:
        tree = self.alive(pick)
        if tree is None or not tree.nodes:
            return
        node = tree.nodes[at % len(tree.nodes)]
        made = self.one(pick).edit(node.id, text)
        tree.nodes.append(Node(made.id, node.parent, text))
        tree.head = made.id

    @precondition(lambda self: self.trees)
    @rule(text=TEXTS, pick=PICKS, at=PICKS, end=st.booleans())
    def write_on(self, text: str, pick: int, at: int, end: bool) -> None:
        tree = self.tree(pick)
        open_ones = [node for node in tree.nodes if node.state == "partial"]
        if not open_ones:
            return
        node = open_ones[at % len(open_ones)]
        node.content += text
        if end:
            self.one(pick).finish(node.id, "stopped", node.content)
            node.state = "stopped"
        else:
            self.one(pick).update_partial(node.id, node.content)

    @precondition(lambda self: self.trees)
    @rule(pick=PICKS, at=PICKS)
    def set_head(self, pick: int, at: int) -> None:
        tree = self.alive(pick)
        if tree is not None and tree.nodes:
            tree.head = tree.leaf(tree.nodes[at % len(tree.nodes)].id)
            self.one(pick).set_head(tree.id, tree.head)

    @precondition(lambda self: self.trees)
    @rule(pick=PICKS, at=PICKS)
    def branch(self, pick: int, at: int) -> None:
        tree = self.tree(pick)
        if not tree.nodes:
            return
        node = tree.nodes[at % len(tree.nodes)]
        made = self.one(pick).branch(node.id)
        copy = Tree(made.id, tree.title)
        for old, new in zip(tree.line(node.id), self.one(pick).messages(made.id), strict=True):
            # Nobody writes the copy: as after a crash, it stays partial.
            copy.nodes.append(Node(new.id, copy.head, old.content, old.state + "-copy" * (old.state == "partial")))
            copy.head = new.id
        self.trees.append(copy)

    @precondition(lambda self: self.trees)
    @rule(pick=PICKS, what=st.sampled_from(["delete", "restore", "purge", "rename"]))
    def put_away(self, pick: int, what: str) -> None:
        tree = self.tree(pick)
        conversations = self.one(pick)
        if what == "rename":
            conversations.rename(tree.id, f"t{pick}")
            tree.title = f"t{pick}"
        elif what == "purge":
            conversations.delete(tree.id)
            conversations.purge(tree.id)
            self.trees.remove(tree)
        else:
            getattr(conversations, what)(tree.id)
            tree.deleted = what == "delete"

    @invariant()
    def both_see_the_model(self) -> None:
        if not hasattr(self, "trees"):
            return
        for conversations in self.each:
            assert {one.id for one in conversations.list(limit=1000)} == {t.id for t in self.trees if not t.deleted}
            assert {one.id for one in conversations.trash(limit=1000)} == {t.id for t in self.trees if t.deleted}
            for tree in self.trees:
                found = conversations.get(tree.id)
                assert (found.title, found.head_id, found.n_messages) == (tree.title, tree.head, len(tree.nodes))
                stored = conversations.messages(tree.id)
                assert [(one.id, one.parent_id, one.content, one.state) for one in stored] == [
                    (node.id, node.parent, node.content, node.state.removesuffix("-copy")) for node in tree.nodes
                ]
                assert [one.id for one in conversations.path(tree.id)] == [one.id for one in tree.line(tree.head)]
                if tree.nodes:
                    last = tree.nodes[len(tree.nodes) // 2]
                    assert [one.id for one in conversations.siblings(last.id)] == [
                        one.id for one in tree.below(last.parent)
                    ]
                    assert conversations.leaf(last.id).id == tree.leaf(last.id)

    @invariant()
    def the_search_index_is_exact(self) -> None:
        if hasattr(self, "stores"):
            for table in ("message_search", "title_search"):
                self.stores[0].execute(f"INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)")


QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def test_random_work_agrees_with_the_model() -> None:
    run_state_machine_as_test(Work, settings=settings(max_examples=6, stateful_step_count=15, **QUIET))


@pytest.mark.slow
def test_much_random_work_agrees_with_the_model() -> None:
    run_state_machine_as_test(Work, settings=settings(max_examples=60, stateful_step_count=40, **QUIET))
