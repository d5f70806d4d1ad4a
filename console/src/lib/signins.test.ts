import { describe, expect, it } from "vitest";
import { browserName, ssoAddress } from "./signins";

describe("signing in", () => {
  it("calls browsers what people call them", () => {
    const windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36";
    expect(browserName(windows)).toBe("Chrome · Windows");
    expect(browserName(`${windows} Edg/131.0`)).toBe("Edge · Windows");
    expect(browserName("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1")).toBe("Safari · iPhone");
    expect(browserName("Mozilla/5.0 (Linux; Android 15) Chrome/130 MicroMessenger/8.0")).toBe("WeChat · Android");
    expect(browserName("curl/8.5.0")).toBe("curl/8.5.0");
    expect(browserName("")).toBe("");
  });

  it("comes back to a page of the console", () => {
    expect(ssoAddress("/knowledge?q=a&b")).toBe("/api/v1/sso/start?to=%2Fconsole%2Fknowledge%3Fq%3Da%26b");
  });
});
