import { describe, expect, it } from "vitest";
import { deviceOf } from "./agent";

describe("a user agent", () => {
  it("is told as people know it", () => {
    expect(deviceOf("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36 Edg/126.0")).toBe("Edge, Windows");
    expect(deviceOf("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1 (KHTML, like Gecko) Version/17.5 Mobile Safari/604.1")).toBe("Safari, iOS");
    expect(deviceOf("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36")).toBe("Chrome, Linux");
    expect(deviceOf("curl/8.5")).toBe("curl/8.5");
    expect(deviceOf("")).toBe("");
  });
});
