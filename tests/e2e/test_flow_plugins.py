"""What plugins do with flows (jobhost.flow/1), on both stores: siblings, the job behind a flow, its members' results, and what is
left of all that when workers die."""
import datetime
import json

import pytest

from lib import build
from lib.host import chaos
from lib.procs import wait_until

OPENED, BEHIND, MEMBER = 0, 1, 2
SUCCEEDED, DEAD, CANCELLED, DUPLICATE = 1, 2, 3, 4
ENOENT, EALREADY, ESHUTDOWN = -2, -114, -108
PERMANENT = 9
FAST = {"backoff": "fixed", "base": "1ms", "jitter": 0, "max": 50}
TYPES = ("chaos.flow", "chaos.leaf", "chaos.gather")


def config_of(store, **more):
    return {"plugins": chaos(workers=2, threads=2), "jobs": {name: {"retry": FAST} for name in TYPES}, **store, **more}


@pytest.fixture
def host(store, make_host):
    host = make_host(config_of(store))
    host.start()
    return host


def result(host, job):
    assert host.wait_job(job)["state"] == "succeeded", host.job(job)
    return json.loads(host.result(job))


def behind(host, opener, kind="chaos.gather", state="succeeded"):
    """The job behind a flow, once it has ended: there is exactly one."""
    def there():
        return [j for j in host.list(type=kind) if j.get("parent") == opener]
    wait_until(there, build.PATIENCE_S, lambda: f"the flow of {opener} is followed by a job")
    jobs = there()
    assert len(jobs) == 1
    seen = host.wait_job(jobs[0]["id"])
    assert seen["state"] == state, seen
    return seen


def when(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def members(host, opener):
    return [j for j in host.list(parent=opener) if j.get("member_of") == opener]


def test_children_make_siblings_and_one_job_gathers_all(host):
    grown = {"grow": 2, "depth": 1}
    opener = host.submit("chaos.flow", {"ops": [["enqueue", 50, "chaos.leaf", grown], ["then", "chaos.gather", {"every": 7}],
                                                ["counts", OPENED]]})
    assert result(host, opener) == [0, 0, ENOENT]  # what it has asked for is not committed
    last = behind(host, opener)
    # 50 results "leaf" and 100 times "grown", with their quotes
    assert json.loads(host.result(last["id"])) == [150, 150, 50 * 6 + 100 * 7]
    assert host.counters([f"sink:{last['id']}:end"]) == {f"sink:{last['id']}:end": 1}
    host.assert_sound()


def test_a_flow_over_many_queues(host):
    opener = host.submit("chaos.flow", {"ops": [
        ["enqueue", 5, "chaos.leaf", {"grow": 1, "depth": 2}, "north"], ["enqueue", 5, "chaos.leaf", {"grow": 1, "depth": 1}, "south"],
        ["then", "chaos.gather", {}, "east"]]})
    last = behind(host, opener)
    assert last["queue"] == "east"
    assert json.loads(host.result(last["id"]))[:2] == [5 * 3 + 5 * 2, 25]
    host.assert_sound()


def test_a_job_that_waits_reads_what_became_of_its_children(host):
    opener = host.submit("chaos.flow", {
        "first": [["enqueue", 2, "chaos.leaf", {"name": "two"}], ["enqueue", 1, "chaos.leaf", {"die": True}],
                  ["enqueue", 1, "chaos.big_result", {"bytes": 300000}]],
        "park": True,
        "ops": [["counts", OPENED], ["page", OPENED, 0, 10], ["counts", MEMBER], ["counts", BEHIND]]})
    counts, page, as_member, as_last = result(host, opener)
    assert counts == {"made": 4, "open": 0, "succeeded": 3, "dead": 1, "cancelled": 0, "duplicate": 0, "closed": False, "grows": True}
    assert (as_member, as_last) == (ENOENT, ENOENT)
    assert page.pop() == 1 and len(page) == 4
    seen = {m["id"]: m for m in page}
    assert set(seen) == {j["id"] for j in members(host, opener)}
    dead = next(m for m in page if m["state"] == DEAD)
    assert dead["code"] == "chaos" and dead["class"] == PERMANENT and dead["size"] == -1
    big = next(m for m in page if m["type"] == "chaos.big_result")
    assert big["size"] == 300000
    two = next(m for m in page if m["type"] == "chaos.leaf" and m["state"] == SUCCEEDED)
    reader = host.submit("chaos.flow", {"first": [["enqueue", 1, "chaos.leaf", {}]], "park": True,
                                        "ops": [["result", OPENED, two["id"]], ["result", OPENED, "no id"], ["page", OPENED, 999, 2]]})
    assert result(host, reader) == [ENOENT, ENOENT, [1]]  # another flow's is none of its own
    again = host.submit("chaos.flow", {"first": [["enqueue", 1, "chaos.big_result", {"bytes": 300000}],
                                                 ["enqueue", 1, "chaos.leaf", {"name": "two"}]], "park": True,
                                       "ops": [["page", OPENED, 0, 2]]})
    assert {m["size"] for m in result(host, again)[0]} == {300000, 5}
    sums = host.submit("chaos.flow", {"ops": [["enqueue", 1, "chaos.big_result", {"bytes": 300000}],
                                              ["enqueue", 1, "chaos.big_result", {"bytes": 40000}],
                                              ["enqueue", 1, "chaos.leaf", {"name": "two"}], ["then", "chaos.gather"]]})
    assert json.loads(host.result(behind(host, sums)["id"])) == [3, 3, 340005]


def test_results_are_those_that_were_left(host):
    opener = host.submit("chaos.flow", {"first": [["enqueue", 1, "chaos.big_result", {"bytes": 300000}]], "park": True,
                                        "ops": [["page", OPENED, 0, 1]]})
    member = result(host, opener)[0][0]
    letters = "".join(chr(ord("a") + i % 26) for i in range(100))
    assert host.result(member["id"])[:100].decode() == letters
    # then() of the same run twice, and a member in another run that reads its own flow
    twice = host.submit("chaos.flow", {"ops": [["then", "chaos.gather"], ["then", "chaos.leaf"]]})
    assert result(host, twice) == [0, EALREADY]
    assert json.loads(host.result(behind(host, twice)["id"])) == [0, 0, 0]
    within = host.submit("chaos.flow", {"ops": [["enqueue", 1, "chaos.flow", {"ops": [["counts", MEMBER], ["page", MEMBER, 0, 5]]}]]})
    host.wait_job(within)
    child = members(host, within)[0]["id"]
    counts, page = result(host, child)
    assert counts["made"] == 1 and counts["open"] == 1 and page == [1]


def test_then_of_later_runs_changes_nothing(host):
    opener = host.submit("chaos.flow", {"first": [["then", "chaos.gather"], ["enqueue", 1, "chaos.leaf"]], "park": True,
                                        "ops": [["then", "chaos.echo"]]})
    assert result(host, opener) == [0]
    assert json.loads(host.result(behind(host, opener)["id"])) == [1, 1, 6]
    assert not host.list(type="chaos.echo")


def test_one_that_dies_fails_the_flow(host):
    opener = host.submit("chaos.flow", {"ops": [
        ["on_dead", 1], ["enqueue", 1, "chaos.leaf", {"die": True}], ["enqueue", 12, "chaos.sleep", {"ms": 600000}],
        ["then", "chaos.gather"]]})
    last = behind(host, opener, state="dead")
    assert last["error"]["code"] == "child_dead" and last["error"]["class"] == "permanent"
    assert last["kept_until"]  # not for ever
    states = sorted(j["state"] for j in members(host, opener))
    assert states == ["cancelled"] * 12 + ["dead"]
    assert next(j["id"] for j in members(host, opener) if j["state"] == "dead") in last["error"]["message"]
    host.act(last["id"], "retry")  # somebody wants it all the same
    assert json.loads(host.result(behind(host, opener)["id"]))[:2] == [13, 0]
    host.assert_sound()


def test_children_of_a_flow_that_has_failed_are_refused(host):
    """The opener is woken by the death of its only child, and has a use for others."""
    first = [["on_dead", 1], ["enqueue", 1, "chaos.leaf", {"die": True}]]
    more = [["enqueue", 1, "chaos.leaf"], ["counts", OPENED]]
    opener = host.submit("chaos.flow", {"first": first, "park": True, "ops": more})
    refused, counts = result(host, opener)
    assert refused == ESHUTDOWN
    assert (counts["made"], counts["dead"], counts["grows"]) == (1, 1, False)
    assert len(members(host, opener)) == 1
    going = host.submit("chaos.flow", {"first": [["enqueue", 1, "chaos.leaf", {"die": True}]], "park": True, "ops": more})
    made, counts = result(host, going)  # on_child_dead: continue
    assert made == 0 and counts["grows"]
    host.assert_sound()


def test_a_flow_that_has_closed_takes_no_more(host):
    opener = host.submit("chaos.flow", {"ops": [["enqueue", 1, "chaos.leaf", {"die": True, "grow": 1, "depth": 1}],
                                                ["then", "chaos.gather"]]})
    assert json.loads(host.result(behind(host, opener)["id"])) == [1, 0, 0]  # what it had added went with it
    member = members(host, opener)[0]["id"]
    assert host.job(member)["error"]["code"] == "chaos"
    host.act(member, "retry")
    wait_until(lambda: host.job(member).get("error", {}).get("code") == "add", build.PATIENCE_S, lambda: f"{host.job(member)}")
    assert host.job(member)["error"]["message"] == f"add: {ESHUTDOWN}"
    assert len(members(host, opener)) == 1


def test_cancelled_members_are_kept_as_their_queue_says(store, make_host):
    host = make_host(config_of(store, queues={"brief": {"ttl": "5m"}, "long": {"ttl": "9d"}}))
    host.start()
    for queue in ("brief", "long"):
        host.post(f"/v1/queues/{queue}/pause", {"why": "nobody begins"})
    opener = host.submit("chaos.flow", {"first": [["enqueue", 2, "chaos.leaf", {}, "brief"], ["enqueue", 3, "chaos.leaf", {}, "long"],
                                                  ["then", "chaos.gather"]],
                                        "park": True, "ops": []})
    host.wait_job(opener, "parked")
    host.act(opener, "cancel")
    wait_until(lambda: all(j["state"] == "cancelled" for j in members(host, opener)), build.PATIENCE_S,
               lambda: f"all are cancelled: {members(host, opener)}")
    kept = {(j["queue"], round((when(j["kept_until"]) - when(j["finished_at"])).total_seconds())) for j in members(host, opener)}
    assert kept == {("brief", 300), ("long", 9 * 86400)}
    assert not host.list(type="chaos.gather")
    host.assert_sound()


@pytest.mark.parametrize("point", ["worker_before_run:15", "worker_after_run:15", "worker_before_commit:3", "worker_after_commit:3"])
def test_workers_die_and_nothing_is_lost_or_done_twice(store, make_host, point):
    host = make_host(config_of(store), env={"JOBHOST_FAULT": f"{point}=kill"})
    host.start()
    opener = host.submit("chaos.flow", {
        "first": [["enqueue", 20, "chaos.leaf", {"grow": 1, "depth": 1}], ["then", "chaos.gather", {"every": 6}], ["on_dead", 1]],
        "park": True,
        "ops": [["counts", OPENED]]})
    counts = result(host, opener)[0]
    assert counts["made"] == 40 and counts["succeeded"] == 40 and counts["open"] == 0
    last = behind(host, opener)
    assert json.loads(host.result(last["id"])) == [40, 40, 20 * 6 + 20 * 7]
    assert host.counters([f"sink:{last['id']}:end"]) == {f"sink:{last['id']}:end": 1}
    assert "worker.died" in host.read_log()
    host.assert_sound()


def test_a_question_whose_worker_is_gone_is_dropped(store, make_host):
    """Its reader is killed again and again while it reads; the host goes on, and the next run goes on where that one was."""
    host = make_host(config_of(store))
    host.start()
    opener = host.submit("chaos.flow", {"ops": [["enqueue", 120, "chaos.leaf"], ["then", "chaos.gather", {"every": 1}]]})
    for _ in range(3):
        wait_until(lambda: host.list(type="chaos.gather", state="running") or host.list(type="chaos.gather", state="succeeded"),
                   build.PATIENCE_S, lambda: "it reads")
        for worker in host.workers():
            host.end_worker(worker)
    assert json.loads(host.result(behind(host, opener)["id"])) == [120, 120, 720]
    host.assert_sound()
