"""Small exports as the programs write them: the shapes are theirs, the chats are invented."""

from typing import Any

BEGUN_S = 1_760_486_728.607954


def node(node_id: str, parent: str | None, *children: str, message: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"id": node_id, "parent": parent, "children": list(children), "message": message}


def said(
    message_id: str,
    role: str,
    text: str | None = None,
    *,
    content: dict[str, Any] | None = None,
    after_s: float = 0.0,
    metadata: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    return {
        "id": message_id,
        "author": {"role": role, "name": None, "metadata": {}},
        "create_time": BEGUN_S + after_s,
        "update_time": None,
        "content": content or {"content_type": "text", "parts": [text]},
        "status": "finished_successfully",
        "end_turn": None,
        "weight": 1.0,
        "recipient": "all",
        "channel": None,
        "metadata": metadata or {},
        **more,
    }


def chatgpt_conversation() -> dict[str, Any]:
    """Hidden system message, custom instructions, an edited question, a regenerated reply, thoughts, tools, files."""
    hidden = {"is_visually_hidden_from_conversation": True}
    by_model = {"model_slug": "gpt-5-2-thinking", "finish_details": {"type": "stop"}}
    nodes = [
        node("client-created-root", None, "sys"),
        node(
            "sys",
            "client-created-root",
            "about",
            message=said("sys", "system", "", metadata=hidden, weight=0.0, create_time=None),
        ),
        node(
            "about",
            "sys",
            "q1",
            "q1-edited",
            message=said(
                "about",
                "user",
                content={
                    "content_type": "user_editable_context",
                    "user_profile": "I bake bread.",
                    "user_instructions": "Be short.",
                },
                metadata=hidden,
            ),
        ),
        node("q1", "about", "a1", message=said("q1", "user", "How long does a rye sour take?", after_s=1)),
        node(
            "a1", "q1", message=said("a1", "assistant", "About 16 hours.", after_s=2, metadata={"model_slug": "gpt-4o"})
        ),
        node(
            "q1-edited",
            "about",
            "t1",
            "a2-again",
            message=said(
                "q1-edited",
                "user",
                after_s=3,
                content={
                    "content_type": "multimodal_text",
                    "parts": [
                        {
                            "content_type": "image_asset_pointer",
                            "asset_pointer": "sediment://file_0000d9d8",
                            "width": 708,
                        },
                        "Is this sour ready?\n\n```\npH 4.1\n```",
                    ],
                },
                metadata={
                    "attachments": [
                        {"id": "file-1", "name": "sour.png", "mime_type": "image/png"},
                        {"id": "file-2", "name": "log.csv", "mime_type": "text/csv"},
                    ]
                },
            ),
        ),
        node(
            "t1",
            "q1-edited",
            "recap",
            message=said(
                "t1",
                "assistant",
                after_s=4,
                metadata=by_model,
                content={
                    "content_type": "thoughts",
                    "source_analysis_msg_id": "x",
                    "thoughts": [
                        {"summary": "Reading the picture", "content": "Bubbles all over."},
                        {"summary": "", "content": "pH fits."},
                    ],
                },
            ),
        ),
        node(
            "recap",
            "t1",
            "call",
            message=said(
                "recap",
                "assistant",
                after_s=5,
                content={"content_type": "reasoning_recap", "content": "Thought for 4s"},
            ),
        ),
        node(
            "call",
            "recap",
            "out",
            message=said(
                "call",
                "assistant",
                after_s=6,
                recipient="python",
                metadata=by_model,
                content={"content_type": "code", "language": "python", "text": "print('```')\nprint(4.1 < 4.2)"},
            ),
        ),
        node(
            "out",
            "call",
            "a2",
            message=said("out", "tool", after_s=7, content={"content_type": "execution_output", "text": "True"}),
        ),
        node("a2", "out", message=said("a2", "assistant", "Yes \u2013 bake now.", after_s=8, metadata=by_model)),
        node(
            "a2-again",
            "q1-edited",
            "q2",
            message=said("a2-again", "assistant", "It is ready.", after_s=9, metadata=by_model),
        ),
        node("q2", "a2-again", "quote", message=said("q2", "user", "Who says so?", after_s=10)),
        node(
            "quote",
            "q2",
            "a3",
            message=said(
                "quote",
                "tool",
                after_s=11,
                content={
                    "content_type": "tether_quote",
                    "url": "https://example.org/rye",
                    "domain": "example.org",
                    "title": "Rye",
                    "text": "Ripe at pH 4.",
                },
            ),
        ),
        node(
            "a3",
            "quote",
            message=said("a3", "assistant", "A baker.", after_s=12, metadata=by_model, status="in_progress"),
        ),
    ]
    return {
        "title": "Rye sour",
        "create_time": BEGUN_S,
        "update_time": BEGUN_S + 12,
        "current_node": "a3",
        "conversation_id": "67a678d3-a274-8191-94ee-7ca817b25b36",
        "id": "67a678d3-a274-8191-94ee-7ca817b25b36",
        "default_model_slug": "gpt-5-2-thinking",
        "is_archived": False,
        "is_starred": None,
        "safe_urls": [],
        "moderation_results": [],
        "mapping": {entry["id"]: entry for entry in nodes},
    }


def chatgpt_export() -> list[dict[str, Any]]:
    plain = {
        "title": None,
        "create_time": BEGUN_S + 100,
        "update_time": BEGUN_S + 101,
        "current_node": "n2",
        "conversation_id": "second",
        "mapping": {
            "n0": node("n0", None, "n1"),
            "n1": node("n1", "n0", "n2", message=said("n1", "user", "Sk\u00e5l! \U0001f37b", after_s=100)),
            "n2": node("n2", "n1", message=said("n2", "assistant", "Skål!", after_s=101)),
        },
    }
    empty = {
        "title": "New chat",
        "create_time": BEGUN_S,
        "update_time": BEGUN_S,
        "current_node": "e0",
        "conversation_id": "empty",
        "mapping": {"e0": node("e0", None)},
    }
    return [chatgpt_conversation(), plain, empty]


def openwebui_export() -> list[dict[str, Any]]:
    def turn(
        message_id: str, parent: str | None, role: str, content: str, *children: str, **more: Any
    ) -> dict[str, Any]:
        return {
            "id": message_id,
            "parentId": parent,
            "childrenIds": list(children),
            "role": role,
            "content": content,
            "timestamp": 1_741_000_000,
            **more,
        }

    messages = [
        turn(
            "u1",
            None,
            "user",
            "Summarise my notes",
            "b1",
            "b2",
            models=["llama3.2:3b", "qwen3:8b"],
            files=[
                {
                    "type": "file",
                    "name": "notes.txt",
                    "file": {
                        "filename": "notes.txt",
                        "meta": {"content_type": "text/plain"},
                        "data": {"content": "milk\neggs\n"},
                    },
                },
                {"type": "image", "url": "data:image/png;base64,iVBORw0KGgo="},
            ],
        ),
        turn(
            "b1",
            "u1",
            "assistant",
            "Milk and eggs.",
            model="llama3.2:3b",
            done=True,
            annotation={"rating": -1, "comment": "too short"},
            usage={"eval_count": 5, "prompt_eval_count": 40, "eval_duration": 2_000_000_000},
        ),
        turn(
            "b2",
            "u1",
            "assistant",
            '<details type="reasoning" done="true" duration="3">\n<summary>Thought for 3 seconds</summary>\n'
            "&gt; A list of two.\n&gt;\n> Fine &amp; short.\n</details>\nBuy milk, buy eggs.",
            "u2",
            model="qwen3:8b",
            done=True,
            annotation={"rating": 1},
        ),
        turn("u2", "b2", "user", "And then?", "b3"),
        turn("b3", "u2", "assistant", "", model="qwen3:8b", done=True, error={"content": "Connection lost"}),
    ]
    return [
        {
            "id": "0b2f",
            "user_id": "u",
            "title": "Notes",
            "created_at": 1_741_000_000,
            "updated_at": 1_741_000_100,
            "archived": False,
            "pinned": True,
            "folder_id": None,
            "meta": {},
            "chat": {
                "id": "",
                "title": "Notes",
                "models": ["llama3.2:3b", "qwen3:8b"],
                "params": {"system": "You list."},
                "history": {"messages": {entry["id"]: entry for entry in messages}, "currentId": "b3"},
                "messages": [],
                "tags": [],
                "timestamp": 1_741_000_000_123,
                "files": [],
            },
        }
    ]


def sharegpt_lines() -> list[dict[str, Any]]:
    return [
        {
            "id": "identity_0",
            "conversations": [
                {"from": "system", "value": "Answer in rhyme."},
                {"from": "human", "value": "Hi"},
                {"from": "gpt", "value": "Hello, my\r\nfellow."},
                {"from": "human", "value": "More"},
                {"from": "gpt", "value": "Less is more."},
            ],
        },
        {
            "messages": [
                {"role": "system", "content": "S"},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "What is this?"},
                        {"type": "image_url", "image_url": {"url": "data:,x"}},
                    ],
                },
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}],
                },
                {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
                {"role": "assistant", "content": "A cat.", "reasoning_content": "The tool said so."},
            ]
        },
    ]


def rushlight_export() -> list[dict[str, Any]]:
    return [
        {
            "format": "rushlight.conversation",
            "version": 1,
            "id": "0123456789abcdefgh",
            "title": "Lamps",
            "created_at": 1_750_000_000.5,
            "updated_at": 1_750_000_009.25,
            "folder": "Work/Light",
            "model": "smollm2",
            "system": "",
            "options": {"temperature": "0.2"},
            "pinned": True,
            "head": "m4",
            "messages": [
                {
                    "id": "m1",
                    "parent": None,
                    "role": "user",
                    "content": "Who made lamps?",
                    "created_at": 1_750_000_001.0,
                    "attachments": [{"name": "lamps.txt", "text": "Swan\nEdison\n", "media_type": "text/plain"}],
                },
                {
                    "id": "m2",
                    "parent": "m1",
                    "role": "assistant",
                    "content": "Edison.",
                    "reasoning": "Hm.",
                    "created_at": 1_750_000_002.0,
                    "model": "smollm2",
                    "adapter": "mine",
                    "state": "stopped",
                    "finish_reason": "cancelled",
                    "feedback": [{"kind": "down", "note": "half true", "created_at": 1.75e9}],
                    "usage": {"n_prompt_tokens": 12, "n_completion_tokens": 3, "decode_s": 0.25, "first_token_s": 0.1},
                },
                {
                    "id": "m3",
                    "parent": "m1",
                    "role": "assistant",
                    "content": "Swan and Edison.",
                    "created_at": 1_750_000_003.0,
                    "feedback": [
                        {"kind": "kept", "rejected": "m2", "created_at": 1.75e9},
                        {"kind": "correction", "text": "Swan, then Edison.", "created_at": 1.75e9},
                    ],
                },
                {"id": "m4", "parent": "m3", "role": "user", "content": "Thanks", "created_at": 1_750_000_004.0},
            ],
        }
    ]
