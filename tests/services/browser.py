"""A headless Chromium for tests of pages, driven through Debian's chromium-driver.

It has a throw-away profile, resolves no name, and tells which addresses it has asked; a test that
looks at a page also says that nothing but the page's own origin was.
"""
import base64
import json
import os
import tempfile

import pytest

from harness import wait_for
from service import AS_ROOT, need

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service as Driver
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    webdriver = By = Keys = None

FLAGS = ["--headless=new", "--hide-scrollbars", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run", "--disable-dev-shm-usage", "--disable-gpu",
         "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]


class Browser:
    """One window; .driver is selenium's."""

    def __init__(self, *flags):
        """flags: more of Chromium's."""
        if webdriver is None:
            if os.environ.get("INOUT_REQUIRE_ALL") == "1":
                pytest.fail("selenium is missing: apt-get install python3-selenium", pytrace=False)
            pytest.skip("selenium is missing: apt-get install python3-selenium")
        self.profile = tempfile.TemporaryDirectory(prefix="inout-chromium-",
                                                   ignore_cleanup_errors=True)
        options = webdriver.ChromeOptions()
        options.binary_location = need("chromium", "chromium")
        # Its sandbox wants another user than root.
        for flag in [*FLAGS, *(["--no-sandbox"] if AS_ROOT else []),
                     *flags, f"--user-data-dir={self.profile.name}", "about:blank"]:
            options.add_argument(flag)
        options.accept_insecure_certs = True
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(
            service=Driver(need("chromedriver", "chromium-driver")), options=options)
        self.origin = None

    def close(self):
        self.driver.quit()
        self.profile.cleanup()

    def open(self, origin):
        """A page of its own: nothing of the one before is left."""
        self.driver.get("about:blank")
        self.driver.get_log("performance"), self.driver.get_log("browser")
        self.look()
        self.origin = origin
        self.driver.get(origin + "/")

    def look(self, width=1280, height=1000, scheme="light", scale=1):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=scale, mobile=width < 600)
        self.cdp("Emulation.setEmulatedMedia",
                 features=[{"name": "prefers-color-scheme", "value": scheme}])

    def cdp(self, method, **parameters):
        return self.driver.execute_cdp_cmd(method, parameters)

    def js(self, script, *arguments):
        """The value of an expression, or of what follows `return`."""
        return self.driver.execute_script(
            script if "return" in script else f"return ({script})", *arguments)

    def wait_js(self, script, *arguments, timeout=10, what=None):
        return wait_for(lambda: self.js(script, *arguments), timeout, what or script)

    def one(self, css):
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def press(self, *keys):
        """To whatever has the focus."""
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()

    def focused(self):
        return self.driver.switch_to.active_element

    def picture(self):
        return base64.b64decode(self.cdp("Page.captureScreenshot")["data"])

    def tree(self):
        """[(role, name)] of all that a screen reader is told."""
        nodes = self.cdp("Accessibility.getFullAXTree")["nodes"]
        return [(node["role"]["value"], node.get("name", {}).get("value", ""))
                for node in nodes if not node["ignored"]]

    def expect_clean(self, *expected):
        """Nobody else was asked, and the page has made no mistake, but for lines with one of these."""
        messages = [json.loads(line["message"])["message"]
                    for line in self.driver.get_log("performance")]
        asked = {message["params"]["request"]["url"] for message in messages
                 if message["method"] == "Network.requestWillBeSent"}
        foreign = {url for url in asked if not url.startswith((self.origin + "/", "about:", "chrome:"))}
        assert asked and not foreign, foreign
        said = [line["message"] for line in self.driver.get_log("browser")]
        assert [line for line in said if not any(word in line for word in expected)] == []
