import { describe, expect, it, vi } from "vitest";

vi.mock("@/i18n", () => ({ lang: { value: "en" } }));

const { ApiError } = await import("@/api/client");
const { covers, faultPath, faultText } = await import("./faults");
const refusal = (message: string, field?: string, code = "invalid_field"): InstanceType<typeof ApiError> =>
  new ApiError({ code, message, retry: "never", ...(field ? { field } : {}) }, 422);

describe("the field at fault", () => {
  it("is a field or a part of it, never one whose name only begins alike", () => {
    expect(covers("settings.origins", "settings.origins[1]")).toBe(true);
    expect(covers("settings.origins", "settings.origins")).toBe(true);
    expect(covers("settings", "settings.origins")).toBe(true);
    expect(covers("name", "names")).toBe(false);
    expect(covers("settings.origins", "settings")).toBe(false);
  });

  it("is told without the sentence that says only that a field is wrong", () => {
    expect(faultText(refusal("A field is not valid. `name`: Expected more.", "name"))).toBe("`name`: Expected more.");
    expect(faultText(refusal("有一个字段不符合要求。 名字太长。", "name"))).toBe("名字太长。");
    expect(faultText(refusal("A field is not valid."))).toBe("A field is not valid.");
    expect(faultText(refusal("This conflicts. The key is taken.", "key", "conflict"))).toBe("This conflicts. The key is taken.");
    expect(faultPath(refusal("x", "a.b"))).toBe("a.b");
    expect(faultPath(new Error("x"))).toBe("");
  });
});
