"""Flows from outside, on both stores: how one stands, who is in it, who joins, and why an opener waits."""
import os
import random
import signal
import time

import pytest

from lib import build
from lib import redis as redis_lib
from lib.api import Unreachable
from lib.cli import Cli
from lib.host import chaos
from lib.procs import wait_until
from lib.redis import Redis
from lib.storm import kill_a_worker

HOUR = 3_600_000
UNKNOWN = "0198c1a2-0000-7000-8000-000000000001"
FAST = {"backoff": "fixed", "base": "1ms", "jitter": 0}


@pytest.fixture
def host(make_host, store):
    host = make_host({"plugins": chaos(workers=1, threads=4), **store})
    host.start()
    return host


def opener(host, children, delay_ms=HOUR):
    job = host.submit("chaos.yield", {"kind": "children", "children": children, "delay_ms": delay_ms})
    host.wait_job(job, "parked")
    return job


def children(host, job, **query):
    return host.get(f"/v1/jobs/{job}/children", **query)["items"]


def counts(host, job):
    flow = host.job(job)["flow"]
    return {name: flow[name] for name in ("made", "open", "succeeded", "dead", "cancelled", "closed")}


def told(host, job, **wanted):
    """Ends of members in another queue come by way of the outbox."""
    wait_until(lambda: counts(host, job) == wanted, build.PATIENCE_S, lambda: f"{host.job(job)} stands at {wanted}")


def join(host, status, flow, type="chaos.child", payload=None, **fields):
    return host.expect(status, "POST", "/v1/jobs", {"type": type, "payload": payload or {}, "flow": flow, **fields}).json


def test_how_a_flow_stands(host):
    job = opener(host, 4)
    told(host, job, made=4, open=4, succeeded=0, dead=0, cancelled=0, closed=False)
    kids = [m["id"] for m in children(host, job)]
    assert host.job(job)["progress"] == {"percent": 0, "done": 0, "total": 4}
    assert all(host.job(kid)["member_of"] == job for kid in kids)
    host.act(kids[0], "promote")
    host.wait_job(kids[0], "succeeded")
    host.act(kids[1], "cancel")
    told(host, job, made=4, open=2, succeeded=1, dead=0, cancelled=1, closed=False)
    assert host.job(job)["progress"] == {"percent": 50, "done": 2, "total": 4}
    for kid in kids[2:]:
        host.act(kid, "cancel")
    host.wait_job(job, "succeeded")
    assert counts(host, job) == {"made": 4, "open": 0, "succeeded": 1, "dead": 0, "cancelled": 3, "closed": True}
    assert "flow" not in host.job(kids[0])
    host.assert_sound()


def test_who_joined_is_told_although_others_failed(make_host, store):
    host = make_host({"plugins": chaos(workers=1, threads=4), **store})
    host.start(env={"JOBHOST_FAULT": "submit_before_answer:3=error"})  # the opener, those that join, the others
    job = opener(host, 1)
    kid = {"type": "chaos.child", "payload": {}, "delay": "1h"}
    plain, member, odd = host.expect(202, "POST", "/v1/jobs", [kid, {**kid, "flow": job}, {**kid, "flow": UNKNOWN}]).json
    assert plain["error"]["code"] == "store_unavailable"
    assert odd["error"]["code"] == "flow_not_found"
    assert host.job(member["id"])["member_of"] == job
    told(host, job, made=2, open=2, succeeded=0, dead=0, cancelled=0, closed=False)


def test_members_by_page_and_state(host):
    job = opener(host, 5)
    kids = children(host, job)
    assert [k["state"] for k in kids] == ["scheduled"] * 5 and [k["type"] for k in kids] == ["chaos.child"] * 5
    ids = [k["id"] for k in kids]
    assert sorted(ids, reverse=True) == ids
    for kid in (ids[3], ids[1]):
        host.act(kid, "promote")
        host.wait_job(kid, "succeeded")
    host.act(ids[0], "cancel")
    seen, cursor = [], None
    while True:
        page = host.get(f"/v1/jobs/{job}/children", limit=2, **({"cursor": cursor} if cursor else {}))
        seen += page["items"]
        cursor = page.get("next_cursor")
        if cursor is None:
            break
    assert [m["id"] for m in seen] == ids
    assert [m["id"] for m in children(host, job, state="scheduled")] == [ids[2], ids[4]]
    assert [m["id"] for m in children(host, job, state="succeeded")] == [ids[3], ids[1]]
    host.call("DELETE", f"/v1/jobs/{ids[3]}")
    assert [(m["id"], m.get("removed", False)) for m in children(host, job, state="succeeded")] == [(ids[3], True), (ids[1], False)]
    assert ids[3] not in [m["id"] for m in children(host, job)]
    assert host.call("GET", f"/v1/jobs/{ids[0]}/children").error["code"] == "flow_not_found"
    assert host.call("GET", f"/v1/jobs/{UNKNOWN}/children").error["code"] == "flow_not_found"
    host.act(job, "cancel")


def test_who_joins_from_outside(host):
    job = opener(host, 1)
    first = children(host, job)[0]["id"]
    here = join(host, 202, job)["id"]
    there = join(host, 202, job.upper(), queue="elsewhere")["id"]
    for kid in (here, there):
        assert host.wait_job(kid, "succeeded")["parent"] == job
    told(host, job, made=3, open=1, succeeded=2, dead=0, cancelled=0, closed=False)
    later = join(host, 202, job, delay="1h", queue="elsewhere")["id"]
    host.act(first, "cancel")
    wait_until(lambda: counts(host, job)["cancelled"] == 1, build.PATIENCE_S, "the flow has heard of it")
    assert host.job(job)["state"] == "parked"
    wait_until(lambda: host.call("GET", f"/v1/jobs/{later}").status == 200, build.PATIENCE_S, "it has arrived in its queue")
    host.act(later, "cancel")
    host.wait_job(job, "succeeded")
    assert join(host, 409, job)["error"]["code"] == "flow_closed"
    assert join(host, 404, UNKNOWN)["error"]["code"] == "flow_not_found"
    assert join(host, 404, here)["error"]["code"] == "flow_not_found"  # it has opened none
    assert join(host, 400, "f1")["error"]["code"] == "bad_field"
    assert join(host, 400, job, key="k")["error"]["code"] == "conflict"
    mixed = host.expect(202, "POST", "/v1/jobs", [{"type": "chaos.child", "payload": {}}, {"type": "chaos.child", "payload": {}, "flow": job}]).json
    assert mixed[0]["state"] == "queued" and mixed[1]["error"]["code"] == "flow_closed"
    host.assert_sound()


def test_who_joins_is_cancelled_with_the_opener(host):
    job = opener(host, 1)
    outside = join(host, 202, job, delay="1h")["id"]
    host.act(job, "cancel")
    host.wait_job(outside, "cancelled")
    assert counts(host, job) == {"made": 2, "open": 0, "succeeded": 0, "dead": 0, "cancelled": 2, "closed": True}


def test_why_an_opener_waits(host):
    job = opener(host, 3)
    kids = [m["id"] for m in children(host, job)]
    host.act(kids[0], "promote")
    host.wait_job(kids[0], "succeeded")
    told(host, job, made=3, open=2, succeeded=1, dead=0, cancelled=0, closed=False)
    detail = host.explain(job)["parked"]
    assert "waits for its children to end, since 2" in detail and detail.endswith(f"; 2 of 3 are open, one of them: {kids[1]}")
    timed = host.submit("chaos.yield", {"kind": "children", "children": 1, "delay_ms": HOUR, "timeout_ms": HOUR})
    until = host.wait_job(timed, "parked")["parked"]["until"]
    [reason] = host.get(f"/v1/jobs/{timed}/explain")["reasons"]
    assert reason["clears_at"] == until and "1 of 1 are open" in reason["detail"]
    wait_until(lambda: host.queue("chaos")["states"].get("parked", 0) == 2, build.PATIENCE_S, "two are parked")
    waiting = [line for line in host.call("GET", "/metrics").raw.decode().splitlines() if line.startswith("jobhost_waiting_jobs{")]
    assert all(line.endswith(" 0") for line in waiting)  # who is parked waits for no slot


def test_flows_on_the_command_line(host):
    cli = Cli(host)
    job = opener(host, 2)
    kids = [m["id"] for m in children(host, job)]
    joined = cli.submit("chaos.child", {}, "--flow", job)
    host.wait_job(joined, "succeeded")
    told(host, job, made=3, open=2, succeeded=1, dead=0, cancelled=0, closed=False)
    page = cli("job", job)
    assert "2 of 3 open; 1 succeeded, 0 dead, 0 cancelled" in page
    assert [line.split()[0] for line in cli("children", job).splitlines()[1:]] == [joined, *kids]
    assert [line.split()[0] for line in cli("children", job, "--state", "succeeded").splitlines()[1:]] == [joined]


# ---- members that have ended


TWO_MIDDLES = ["enqueue", 2, "chaos.flow", {"ops": [["enqueue", 3, "chaos.leaf", {}, "held"], ["then", "chaos.leaf", {}, "held"]]}]


def made_and_returned(host, first, **then):
    """A job of three children, of which two have made three others and returned. Its id, theirs, and of those that they made."""
    for queue in ("held", "later"):
        host.post(f"/v1/queues/{queue}/pause", {"why": "nobody begins"})
    top = host.submit("chaos.flow", {"first": first, **then})
    wait_until(lambda: "flow" in host.job(top), build.PATIENCE_S, "it has made them")
    told(host, top, made=3, open=1, succeeded=2, dead=0, cancelled=0, closed=False)
    middles = [m["id"] for m in children(host, top, state="succeeded")]
    leaves = [m["id"] for middle in middles for m in children(host, middle)]
    assert [host.job(leaf)["state"] for leaf in leaves] == ["queued"] * 6
    return top, middles, leaves


def that_waits(host):
    return made_and_returned(host, [TWO_MIDDLES, ["enqueue", 1, "chaos.leaf", {}, "held"]], park=True, ops=[])


def check_followed(host, top, middles, leaves):
    """All that the middles made has ended with the top; they themselves are what they were."""
    for job in (top, *middles):
        wait_until(lambda job=job: host.job(job)["flow"]["closed"], build.PATIENCE_S, lambda job=job: f"it is closed: {host.job(job)}")
    assert {host.job(job)["state"] for job in leaves} == {"cancelled"}
    assert {host.job(job)["state"] for job in middles} == {"succeeded"}
    for middle in middles:
        assert counts(host, middle) == {"made": 3, "open": 0, "succeeded": 0, "dead": 0, "cancelled": 3, "closed": True}
        assert [j for j in host.list(parent=middle) if "member_of" not in j] == []  # no then
    host.assert_sound()


def test_what_members_made_ends_with_the_opener(host):
    top, middles, leaves = that_waits(host)
    assert host.call("POST", f"/v1/jobs/{middles[0]}/cancel", {}).error["code"] == "wrong_state"  # it has ended
    assert {host.job(job)["state"] for job in leaves} == {"queued"}
    host.act(top, "cancel")
    check_followed(host, top, middles, leaves)
    assert counts(host, top) == {"made": 3, "open": 0, "succeeded": 2, "dead": 0, "cancelled": 1, "closed": True}


def test_what_members_made_ends_with_a_flow_that_fails(host):
    top, middles, leaves = made_and_returned(host, [["on_dead", 1], TWO_MIDDLES, ["enqueue", 1, "chaos.leaf", {"die": True}, "later"],
                                                    ["then", "chaos.gather"]], ops=[])
    host.post("/v1/queues/later/resume", {})
    check_followed(host, top, middles, leaves)
    [last] = host.list(type="chaos.gather")
    assert host.wait_job(last["id"], "dead")["error"]["code"] == "child_dead"


@pytest.mark.parametrize("point", ["cascade_page:1", "cascade_moved:1", "cascade_page:2", "cascade_moved:2", "cascade_page:3"])
def test_a_host_dies_in_a_cascade_through_members_that_have_ended(make_host, store, point):
    host = make_host({"plugins": chaos(workers=1, threads=4), **store})
    host.start(env={"JOBHOST_FAULT": f"{point}=kill"})
    top, middles, leaves = that_waits(host)
    try:
        host.act(top, "cancel")
    except Unreachable:
        pass  # it was quicker than its answer
    assert host.reap() == -signal.SIGKILL
    host.start()
    assert host.job(top)["state"] == "cancelled"
    check_followed(host, top, middles, leaves)


# ---- flows of flows, while hosts and workers die

LEAVES, MIDDLES, TOPS, KILLS = 4, 3, build.count(40, 12), build.count(60, 12)
TREE = {"jobs": {f"chaos.{name}": {"retry": {**FAST, "max": 1000}} for name in ("flow", "leaf", "gather")}}


def tree(queue):
    """Opens a flow of flows, and waits for all of it; each is followed by a job."""
    leaf = ["enqueue", LEAVES, "chaos.leaf", {}, queue]
    middle = {"first": [leaf, ["then", "chaos.leaf", {"name": "then"}, queue]], "park": True, "ops": []}
    return {"first": [["enqueue", MIDDLES, "chaos.flow", middle, "middle"], ["then", "chaos.gather", {"every": 2}, queue]], "park": True, "ops": []}


def followed_by(jobs, opener, kind):
    behind = [j for j in jobs if j.get("parent") == opener and "member_of" not in j]
    assert [(j["type"], j["state"]) for j in behind] == [(kind, "succeeded")], (opener, behind)
    return behind[0]["id"]


def check_tree(host, jobs, top):
    """Each member once, and one job behind each flow. Answers whose ends must have been counted once."""
    middles = [j["id"] for j in jobs if j.get("member_of") == top]
    assert len(middles) == MIDDLES
    sinks = [followed_by(jobs, top, "chaos.gather")]
    for opener, size in [(top, MIDDLES), *((m, LEAVES) for m in middles)]:
        flow = host.job(opener)["flow"]
        assert (flow["made"], flow["succeeded"], flow["open"], flow["closed"]) == (size, size, 0, True), (opener, flow)
    for middle in middles:
        leaves = [j["id"] for j in jobs if j.get("member_of") == middle]
        assert len(leaves) == LEAVES
        sinks += [*leaves, followed_by(jobs, middle, "chaos.leaf")]
    return sinks


def flows_under_fire(hosts):
    dice = random.Random(build.seed())
    tops = [hosts[n % len(hosts)].submit("chaos.flow", tree(dice.choice(["chaos", "other"])), queue="top") for n in range(TOPS)]
    for _ in range(KILLS):
        time.sleep(dice.uniform(0, 0.15))  # the moment of the kill, not readiness
        host = dice.choice(hosts)
        if dice.random() < 0.5 or not kill_a_worker(host, dice):
            host.kill()
            host.start()
    host = hosts[0]
    for top in tops:
        assert host.wait_job(top)["state"] == "succeeded", host.job(top)
    host.wait_idle()
    jobs = host.list()
    keys = [f"sink:{job}:end" for top in tops for job in check_tree(host, jobs, top)]
    assert len(keys) == TOPS * (1 + MIDDLES * (LEAVES + 1))
    assert {key: n for key, n in host.counters(keys).items() if n != 1} == {}
    host.assert_sound()


def test_flows_of_flows_while_a_host_dies(make_host):
    host = make_host({"plugins": chaos(workers=2, threads=2), **TREE})
    host.start()
    flows_under_fire([host])


@pytest.mark.skipif(redis_lib.SERVER is None or redis_lib.CLIENT is None, reason="redis-server is not installed (scripts/deps --test)")
def test_flows_of_flows_on_two_hosts_that_die(make_host, folder):
    server = Redis(os.path.join(folder, "redis")).start()
    try:
        hosts = [make_host({"plugins": chaos(workers=2, threads=2), **TREE, "store": {"url": f"unix:{server.socket}"}}, name=f"host{n}") for n in range(2)]
        for host in hosts:
            host.start()
        flows_under_fire(hosts)
        for host in hosts:
            host.end()
    finally:
        server.stop()
