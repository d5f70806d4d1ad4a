import { describe, expect, it } from "vitest";
import type { TeamFull, TeamSettings } from "@/api/settingsTypes";
import { teamForm, teamSettings } from "./teams";

const team = (settings: TeamSettings): TeamFull => ({ id: 1, key: "a", name: "A", member_ids: [1, 2], settings });
const FULL: TeamSettings = {
  auto_assign: false, strategy: "least_busy", overflow_team_id: 2, overflow_after_s: 90, late_after_s: 180, reassign_after_s: 0,
  fair_limit: 5, fair_window_s: 1800, languages: ["zh"], skills: ["refunds"],
};

describe("a team in its form", () => {
  it("comes out as it went in, minutes and seconds kept", () => {
    expect(teamSettings(teamForm(team(FULL)))).toEqual(FULL);
  });

  it("waits for no other team where none is chosen", () => {
    expect(teamSettings({ ...teamForm(team(FULL)), overflowTeam: 0 })).toMatchObject({ overflow_team_id: null, overflow_after_s: 0 });
  });
});
