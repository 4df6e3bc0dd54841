"""Chats over plain HTTP, and what is in their answers: choices that are told at once, or put together by hand from a stream."""

import http.client
import json


def post(address, path, body, timeout=600):
    """Status and body of an answer."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=timeout)
    connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def whole(text):
    """Content, calls (name and arguments) and reason of each choice of an answer."""
    told = []
    for choice in sorted(json.loads(text)["choices"], key=lambda choice: choice["index"]):
        message = choice["message"]
        calls = [(call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls") or []]
        told.append((message.get("content") or "", calls, choice["finish_reason"]))
    return told


def pieces(text):
    """The same, put together from a stream."""
    told = {}
    for line in text.splitlines():
        if not line.startswith("data: {"):
            continue
        for choice in json.loads(line.removeprefix("data: ")).get("choices", []):
            answer = told.setdefault(choice["index"], ["", [], None])
            answer[0] += choice["delta"].get("content") or ""
            for call in choice["delta"].get("tool_calls") or []:
                function = call["function"]
                if call["index"] == len(answer[1]):
                    answer[1].append([function["name"], ""])
                answer[1][call["index"]][1] += function.get("arguments") or ""
            answer[2] = choice["finish_reason"] or answer[2]
    return [(content, [tuple(call) for call in calls], reason) for _, (content, calls, reason) in sorted(told.items())]
