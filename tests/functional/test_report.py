# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report in a real browser: made from captures alone, opened, read against tshark, stepped through, looked at.

The screenshots stay in artifacts/test/.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.layers.vxlan import VXLAN
from scapy.utils import rdpcap, wrpcap
from selenium import webdriver
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from ansible_collections.vxlanlab.vtep.plugins.module_utils import _capture
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.model import intended, walk
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.topology import completed
from ansible_collections.vxlanlab.vtep.plugins.module_utils._lab.walk import check_walk

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / "artifacts/test"
BROWSER_OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
]
WIDE, PHONE = (1280, 900), (390, 844)

BROADCAST = "ff:ff:ff:ff:ff:ff"
HV = {1: ("02:42:0a:00:00:01", "10.0.0.1"), 2: ("02:42:0a:01:00:01", "10.1.0.1"), 3: ("02:42:0a:02:00:01", "10.2.0.1")}
VM = {number: (f"00:00:00:00:00:0{number}", f"192.168.1.{number}") for number in (1, 2, 3, 4)}
VMS_OF = {1: [1], 2: [2], 3: [3, 4]}
LAB = completed(
    {
        "underlay": {"network": "10.0.0.0/8", "interface": "eth0", "mtu": 1500},
        "bridge": "br0",
        "logical_switches": [{"name": "ls0", "tunnel_key": 5000}],
        "hypervisors": [
            {
                "name": f"hv{number}",
                "underlay_ip": HV[number][1],
                "vms": [{"name": f"vm{vm}", "mac": VM[vm][0], "ip": f"{VM[vm][1]}/24"} for vm in vms],
            }
            for number, vms in VMS_OF.items()
        ],
    }
)
FILES = {"first": ".pcap", "no_mcast_cached": "_no_mcast_cached.pcap", "no_mcast_flushed": "_no_mcast_flushed.pcap"}
POINTS = [("vm1", "overlay", "vm1"), ("vm1", "underlay", "hv1:eth0"), ("vm2", "overlay", "vm2"), ("vm2", "underlay", "hv2:eth0")]
# What no page may take for markup.
MARKUP = "<script>alert('ping')</script> & <b>"


# The artifacts of a lab


def ask(hosts, sender, target):
    return Ether(src=hosts[sender][0], dst=BROADCAST) / ARP(op=1, hwsrc=hosts[sender][0], psrc=hosts[sender][1], pdst=hosts[target][1])


def answer(hosts, sender, target):
    (mac, ip), (target_mac, target_ip) = hosts[sender], hosts[target]
    return Ether(src=mac, dst=target_mac) / ARP(op=2, hwsrc=mac, psrc=ip, hwdst=target_mac, pdst=target_ip)


def echo(kind, sender, target, sequence):
    (mac, ip), (target_mac, target_ip) = VM[sender], VM[target]
    return Ether(src=mac, dst=target_mac) / IP(src=ip, dst=target_ip) / ICMP(type=kind, id=888, seq=sequence) / bytes(range(56))


def in_vxlan(sender, target, frame):
    (mac, ip), (target_mac, target_ip) = HV[sender], HV[target]
    return Ether(src=mac, dst=target_mac) / IP(src=ip, dst=target_ip) / UDP(sport=51750, dport=4789) / VXLAN(flags=0x08, vni=5000) / frame


def frames(chapter, at, network):
    arp = [ask(VM, 1, 2), answer(VM, 2, 1)]
    echoes = [frame for sequence in (1, 2, 3) for frame in (echo(8, 1, 2, sequence), echo(0, 2, 1, sequence))]
    if chapter == "no_mcast_flushed":
        return [ask(VM, 1, 2)] * 3 if (at, network) == ("vm1", "overlay") else []
    said = (arp if chapter == "first" else []) + echoes
    if network == "overlay":
        return said
    wrapped = [in_vxlan(*((1, 2) if frame.src == VM[1][0] else (2, 1)), frame) for frame in said]
    if chapter != "first":
        return wrapped
    # A copy for the third hypervisor, and a connection that has nothing to do with the tunnel.
    others = [ask(HV, 1, 3), *([answer(HV, 3, 1), in_vxlan(1, 3, ask(VM, 1, 2))] if at == "vm1" else [])]
    foreign = Ether() / IP(src="10.0.0.1", dst="10.1.0.1") / TCP(dport=6640, sport=50000)
    return [ask(HV, 1, 2), answer(HV, 2, 1), *others, foreign, *wrapped]


def tables(chapter):
    """The tables in a chapter, as vtep_info returns them."""
    found = intended(LAB)
    for vtep in found.values():
        for mac, columns in vtep["logical_switches"]["ls0"]["ucast_remote"].items():
            columns["ipaddr"] = next(ip for other, ip in VM.values() if other == mac)
    if chapter != "first":
        found["hv1"]["logical_switches"]["ls0"]["mcast_remote"] = {}
    return found


DELETED = [{"hypervisor": "hv1", "state": "deleted", "config": {"logical_switches": {"ls0": {"mcast_remote": {"unknown-dst": {}}}}}}]


def write_artifacts(folder):
    walks, chapters = [], []
    replies = "{}\n--- 192.168.1.2 ping statistics ---\n3 packets transmitted, {} received, {}% packet loss, time 2027ms"
    for chapter, ending in FILES.items():
        expected = walk(LAB, tables(chapter), "vm1", "vm2", count=3, forget=chapter != "no_mcast_cached")
        for at, network, point in POINTS:
            path = folder / f"{at}_{network}{ending}"
            packets = frames(chapter, at, network)
            for number, packet in enumerate(packets):
                packet.time = 1763811742.215597 + number * 0.100101
            wrpcap(str(path), packets, linktype=1)
            walks.append({**check_walk(expected, point, _capture.read(path).packets), "file": path.name, "chapter": chapter})
        received = expected["replies"]
        chapters.append(
            {
                "key": chapter,
                "heading": chapter,
                "text": "A text.",
                "source": "vm1",
                "target": "vm2",
                "forget": True,
                "tables": DELETED if chapter != "first" else [],
                "mtu": None,
                "transfer": "9 bytes arrive",
                "sent": 3,
                "received": received,
                "output": replies.format(MARKUP, received, 100 - received * 33),
                "ends": expected["ends"],
            }
        )
    assert all(walk["ok"] for walk in walks), [walk["problems"] for walk in walks]
    summary = {
        "lab": "vxlanlab",
        "title": "Three hypervisors",
        "driver": "netns",
        "time": "2026-11-22T12:28:56Z",
        "versions": {"ansible": "2.19.14", "open_vswitch": "3.1.0"},
        "topology": {
            **{key: LAB[key] for key in ("underlay", "bridge", "logical_switches", "points")},
            "routers": [],
        },
        "hypervisors": [
            dict(one, datapath="netdev", point=f"{one['name']}:eth0", vtep=tables("first")[one["name"]]) for one in LAB["hypervisors"]
        ],
        "checks": [{"name": walk["file"], "expected": MARKUP, "seen": MARKUP, "ok": True} for walk in walks],
        "chapters": chapters,
        "walks": walks,
    }
    (folder / "summary.json").write_text(json.dumps(summary))


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory):
    """A folder as a run of the lab leaves it, with the report that the playbook makes of it."""
    folder = tmp_path_factory.mktemp("artifacts")
    write_artifacts(folder)
    run_playbook(folder)
    return folder


def run_playbook(folder):
    command = [Path(sys.executable).with_name("ansible-playbook"), ROOT / "playbooks/lab_report.yml", "-e", f"lab_artifacts={folder}"]
    result = subprocess.run(
        command, env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_without_a_summary_it_says_what_to_do(tmp_path):
    with pytest.raises(AssertionError, match=r"has no summary\.json\. Run the lab first \(make lab\)"):
        run_playbook(tmp_path)
    assert not list(tmp_path.iterdir())


# The browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for option in BROWSER_OPTIONS:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # Chromium leaves folders behind where it has its temporary files.
    env = {**os.environ, "TMPDIR": str(tmp_path_factory.mktemp("chromium"))}
    service = webdriver.ChromeService(shutil.which("chromedriver"), env=env)
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


@pytest.fixture
def page(browser, artifacts):
    """Opens the report, and in the end looks for what the browser complained about."""

    def open_report(size=WIDE, scheme="light", script=True, motion="reduce"):
        media = [{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": motion}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE}
        )
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not script})
        browser.get("about:blank")
        browser.get(f"file://{artifacts}/report.html")
        # On a busy machine the page may still be the blank one.
        at_end = "return document.readyState == 'complete' && document.URL != 'about:blank' && !!document.querySelector('footer, main, h1')"
        WebDriverWait(browser, 60).until(lambda opened: opened.execute_script(at_end))
        return browser

    yield open_report
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert browser.get_log("browser") == []


def screenshot(browser, name):
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    taken = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
    (SCREENSHOTS / f"report_{name}.png").write_bytes(base64.b64decode(taken["data"]))


def tshark(path, names):
    """What tshark reads: the fields of each packet."""
    fields = [f"-e{name}" for name in names]
    read = subprocess.run(["tshark", "-n", "-r", path, "-T", "fields", *fields], check=True, capture_output=True, text=True)
    return [line.split("\t") for line in read.stdout.splitlines()]


# What it shows


def test_every_packet_opens(page):
    browser = page()
    packets = browser.execute_script(
        """
        document.querySelectorAll("details.capture").forEach((capture) => capture.querySelector("summary").click());
        return Array.from(document.querySelectorAll("details.packet")).map((packet) => {
          const before = packet.open;
          packet.querySelector("summary").click();
          const layers = Array.from(packet.querySelectorAll(".layer"));
          return [before, packet.open, layers.length, layers.every((layer) => layer.offsetHeight > 20 && layer.querySelector("pre").textContent)];
        });
        """
    )
    assert len(packets) == sum(
        len(frames(chapter, at, network)) for chapter in FILES for at in ("vm1", "vm2") for network in ("overlay", "underlay")
    )
    assert all(before is False and opened and layers >= 2 and shown for before, opened, layers, shown in packets)


def test_a_packet_opens_by_keyboard(page):
    browser = page()
    summary = browser.execute_script("return document.querySelector('#vm1_underlay_pcap-7 > summary')")
    summary.send_keys(Keys.ENTER)
    assert browser.execute_script("return arguments[0].parentElement.open", summary)


def test_the_numbers_are_those_of_tshark(page, artifacts):
    browser = page()
    shown = browser.execute_script(
        """
        const text = (root, selector) => root.querySelector(selector).textContent.trim();
        const addresses = (packet) => Array.from(packet.querySelectorAll(".layer")).filter((layer) => layer.querySelector("h4").textContent.startsWith("IPv4"))
          .map((layer) => layer.querySelector("dd").textContent);
        return Object.fromEntries(Array.from(document.querySelectorAll(".table")).map((table) => [
          table.id,
          Array.from(table.querySelectorAll("details.packet")).map((packet) => ({
            columns: ["no", "time", "source", "destination", "protocol", "length"].map((name) => text(packet, "summary ." + name)),
            vni: (packet.querySelector("summary .vni") || {textContent: ""}).textContent,
            info: text(packet, "summary .info"),
            sources: addresses(packet),
            bytes: Array.from(packet.querySelectorAll("pre")).map((pre) => pre.textContent).join("").replace(/\\s/g, ""),
          })),
        ]));
        """
    )
    names = [
        "frame.number",
        "frame.time_relative",
        "_ws.col.Source",
        "_ws.col.Destination",
        "_ws.col.Protocol",
        "frame.len",
        "vxlan.vni",
        "icmp.seq",
        "ip.src",
    ]
    compared = 0
    for path in sorted(artifacts.glob("*.pcap")):
        rows = tshark(path, names)
        raw = [bytes(packet).hex() for packet in rdpcap(str(path))]
        packets = shown.pop(path.name.replace(".", "_"))
        assert len(packets) == len(rows)
        for packet, row, data in zip(packets, rows, raw):
            number, time, source, destination, protocol, length, vni, sequence, sources = row
            assert packet["columns"] == [number, f"{float(time):.6f}", source, destination, protocol, length]
            assert packet["vni"] == (f"VNI {vni}" if vni else "")
            assert not sequence or f"seq={sequence}" in packet["info"]
            assert ",".join(packet["sources"]) == sources
            assert packet["bytes"] == data
            compared += 1
    assert not shown and compared == 69


def test_text_stays_text(page):
    browser = page()
    assert browser.execute_script("return [document.scripts.length, document.querySelectorAll('b').length]") == [1, 0]
    assert MARKUP in browser.execute_script("return document.querySelector('.chapter pre').textContent")


# What the data is looked up by, and what is computed with: it cannot be any text.
STRUCTURE = {"file", "network", "chapter", "key", "number", "packet", "ok", "table", "extra", "ignored", "pings", "tunnel_key"}


# Whose keys are names.
NAMED = {"points", "ports", "physical_switches", "logical_switches", "ucast_remote", "mcast_remote"}
HARM = f"{MARKUP}\"'`{{{{ 7 * 191 }}}}"


def with_markup(value, key=""):
    """The same data, in which every text that somebody else may have chosen ends with markup, names included."""
    if isinstance(value, dict):
        return {
            f"{name}{HARM}" if key in NAMED else name: entry if name in STRUCTURE else with_markup(entry, name)
            for name, entry in value.items()
        }
    if isinstance(value, list):
        return [with_markup(entry) for entry in value]
    return f"{value}{HARM}" if isinstance(value, str) else value


@pytest.fixture
def foreign(artifacts, tmp_path):
    """Artifacts whose author means harm, with the report that is made of them."""
    for path in artifacts.glob("*.pcap"):
        shutil.copy(path, tmp_path)
    summary = json.loads((artifacts / "summary.json").read_text())
    harmful = with_markup(summary)
    harmful["topology"]["logical_switches"][0]["tunnel_key"] = MARKUP
    (tmp_path / "summary.json").write_text(json.dumps(harmful))
    run_playbook(tmp_path)
    return tmp_path / "report.html"


# Every element and attribute of a page, the text left out.
SHAPE = """
  return Array.from(document.querySelectorAll("*")).map((element) => element.tagName + " " + element.getAttributeNames().join(" ")).join("\\n");
"""


# What the page's own script says when it has run.
SAID = "return document.querySelector('[data-output]').textContent"


def test_text_of_a_foreign_summary_stays_text(page, browser, foreign):
    """The page has the same elements with the same attributes as that of a summary that means no harm, and the texts are shown."""
    expected = page().execute_script(SHAPE)
    browser.get(f"file://{foreign}")
    assert browser.execute_script(SHAPE) == expected
    shown = browser.execute_script("return document.title + document.body.textContent")
    assert shown.count(HARM) > 200 and "1337" not in shown
    assert WebDriverWait(browser, 30, 0.1).until(lambda driver: driver.execute_script(SAID)) == "Step 1 of 13"


@pytest.mark.parametrize(
    "inserted",
    [
        "<script>document.documentElement.dataset.harmed = 1</script>",
        "<img src=x: onerror='document.documentElement.dataset.harmed = 1'>",
        "<svg onload='document.documentElement.dataset.harmed = 1'></svg>",
        "<script src='data:text/javascript,document.documentElement.dataset.harmed=1'></script>",
        "<base href='file:///elsewhere/'><iframe srcdoc='<script>parent.document.documentElement.dataset.harmed = 1</script>'></iframe>",
    ],
)
def test_the_page_runs_no_script_but_its_own(browser, artifacts, tmp_path, inserted):
    """Even if markup got in, by a mistake of the template."""
    page = (artifacts / "report.html").read_text()
    assert page.count("</header>") == 1
    (tmp_path / "report.html").write_text(page.replace("</header>", f"{inserted}</header>"))
    browser.get(f"file://{tmp_path}/report.html")
    # The page's own script is at the end: when it has run, the other one would have.
    assert WebDriverWait(browser, 30, 0.1).until(lambda driver: driver.execute_script(SAID)) == "Step 1 of 13"
    assert browser.execute_script("return document.documentElement.dataset.harmed") is None
    refused = " ".join(entry["message"] for entry in browser.get_log("browser"))
    assert "Content Security Policy" in refused


def test_a_link_in_place_of_the_report_is_replaced(artifacts, tmp_path):
    folder = tmp_path / "artifacts"
    shutil.copytree(artifacts, folder)
    (folder / "report.html").unlink()
    (tmp_path / "precious").write_text("of somebody")
    (folder / "report.html").symlink_to(tmp_path / "precious")
    run_playbook(folder)
    assert not (folder / "report.html").is_symlink() and "<title>" in (folder / "report.html").read_text()
    assert (tmp_path / "precious").read_text() == "of somebody"


def test_it_asks_nothing_of_the_network(page, artifacts):
    assert page().execute_script("return performance.getEntriesByType('resource').length") == 0
    assert "http://" not in (artifacts / "report.html").read_text() and "https://" not in (artifacts / "report.html").read_text()


def test_before_and_after(page):
    chapters = page().execute_script(
        "return Array.from(document.querySelectorAll('.chapter')).map((chapter) => [chapter.getBoundingClientRect().top, chapter.innerText])"
    )
    assert len({top for top, text in chapters}) == 1, "not side by side"
    for text, replies, changed in zip([text for top, text in chapters], ("3 of 3", "3 of 3", "0 of 3"), (False, True, True)):
        assert replies in text and ("unknown-dst removed" in text) == changed
    assert "no packet" in chapters[2][1]


# The walk

STATE = """
  const shown = document.querySelectorAll("[data-step][aria-current]");
  const rows = Array.from(document.querySelectorAll(".line.deciding"));
  return {
    number: shown.length === 1 ? Number(shown[0].querySelector(".number").textContent) : null,
    rows: rows.map((row) => row.dataset.row),
    place: document.querySelector("[data-moving]").getAttribute("transform"),
    wrapped: getComputedStyle(document.querySelector(".wrap")).display !== "none",
    framed: getComputedStyle(document.querySelector(".frame")).display !== "none",
    said: document.querySelector("[data-output]").textContent,
  };
"""
MULTICAST = "row-hv1-Mcast_Macs_Remote-ls0-unknown_dst-10.1.0.1"
COPY = "row-hv1-Mcast_Macs_Remote-ls0-unknown_dst-10.2.0.1"
THERE = "row-hv1-Ucast_Macs_Remote-ls0-00_00_00_00_00_02-10.1.0.1"
BACK = "row-hv2-Ucast_Macs_Remote-ls0-00_00_00_00_00_01-10.0.0.1"


def test_the_walk_step_by_step(page):
    browser = page()
    following = browser.execute_script("return document.querySelector('[data-next]')")
    seen = []
    for number in range(1, 14):
        state = browser.execute_script(STATE)
        assert (state["number"], state["said"]) == (number, f"Step {number} of 13")
        assert state["wrapped"] and state["framed"] == (number not in (1, 2, 4, 5))
        seen.append(state["rows"])
        following.click()
    assert seen == [[MULTICAST], [], [MULTICAST], [COPY], [], [COPY], [BACK], *[[THERE], [BACK]] * 3]
    assert not following.is_enabled()
    previous = browser.execute_script("return document.querySelector('[data-previous]')")
    previous.click()
    previous.send_keys(Keys.ARROW_LEFT)
    assert browser.execute_script(STATE)["number"] == 11
    browser.execute_script("return document.querySelectorAll('[data-step] button')[2]").send_keys(Keys.ENTER)
    assert browser.execute_script(STATE)["number"] == 3


@pytest.mark.parametrize("size", [(1280, 625), PHONE], ids=["low", "phone"])
def test_each_step_is_in_view(page, size):
    browser = page(size)
    following = browser.execute_script("return document.querySelector('[data-next]')")
    inside = """
        const all = [document.querySelector("[aria-current] .title"), document.querySelector("[aria-current] .more"), document.querySelector("[data-next]")];
        return all.map((one) => one.getBoundingClientRect()).every((box) => box.top >= 0 && box.bottom <= innerHeight);
    """
    browser.execute_script("document.querySelector('.steps').scrollIntoView()")
    for number in range(2, 14):
        following.click()
        assert browser.execute_script(STATE)["number"] == number
        assert browser.execute_script(inside), f"step {number} is out of view"
    for number in range(12, 0, -1):
        browser.find_element("css selector", "body").send_keys(Keys.ARROW_LEFT)
        assert browser.execute_script(STATE)["number"] == number
        assert browser.execute_script(inside), f"step {number} is out of view"


def test_no_table_is_wider_than_a_phone(page):
    browser = page(PHONE)
    wide = "return [...document.querySelectorAll('.scroll')].filter((one) => one.scrollWidth > one.clientWidth).length"
    assert browser.execute_script(wide) == 0


def test_the_packet_moves(page):
    browser = page(motion="no-preference")
    browser.execute_script("document.querySelector('[data-play]').click()")
    start = browser.execute_script(STATE)["place"]
    WebDriverWait(browser, 30, 0.1).until(lambda driver: driver.execute_script(STATE)["place"] != start)
    WebDriverWait(browser, 30, 0.1).until(lambda driver: driver.execute_script(STATE)["number"] == 2)
    browser.execute_script("document.querySelector('[data-play]').click()")
    assert browser.execute_script("return document.querySelector('[data-play]').textContent") == "Play"


def test_a_link_in_the_walk_opens_its_packet(page):
    browser = page()
    browser.execute_script("document.querySelectorAll('[data-step] a')[0].click()")
    WebDriverWait(browser, 10).until(lambda driver: driver.execute_script("return document.querySelector('#vm1_underlay_pcap-1').open"))


def test_without_javascript_it_is_a_list(page):
    # What a page without scripts shows has to be read from outside.
    browser = page(script=False)
    steps = browser.find_elements("css selector", "[data-step] .more")
    assert len(steps) == 13 and all(step.is_displayed() for step in steps)
    assert not browser.find_element("css selector", "[data-controls]").is_displayed()


# How it looks


@pytest.mark.parametrize(("name", "size", "scheme"), [("light", WIDE, "light"), ("dark", WIDE, "dark"), ("phone", PHONE, "light")])
def test_how_it_looks(page, name, size, scheme):
    browser = page(size, scheme)
    browser.execute_script(
        "document.querySelectorAll('[data-step]')[2].click(); document.querySelector('#vm1_underlay_pcap-9').open = true"
    )
    screenshot(browser, name)
    colour, width = browser.execute_script("return [getComputedStyle(document.body).backgroundColor, document.documentElement.scrollWidth]")
    assert (int(colour[4:].split(",")[0]) < 60) == (scheme == "dark")
    assert width == size[0], "it is wider than the screen"


def test_how_it_prints(page):
    browser = page()
    pdf = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"])
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    (SCREENSHOTS / "report.pdf").write_bytes(pdf)
    assert pdf.startswith(b"%PDF")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    shown = browser.execute_script(
        """
        const heights = (selector) => Array.from(document.querySelectorAll(selector)).map((element) => element.offsetHeight);
        return [...heights(".controls"), ...heights("[data-step] .more")];
        """
    )
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert shown[0] == 0 and all(height > 20 for height in shown[1:])
