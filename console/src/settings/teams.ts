/** A team's settings between the form, in minutes, and the API, in seconds. */

import type { TeamFull, TeamSettings } from "@/api/settingsTypes";

export interface TeamForm {
  name: string;
  key: string;
  member_ids: number[];
  auto: boolean;
  strategy: TeamSettings["strategy"];
  overflowTeam: number;
  overflowMinutes: number | null;
  lateMinutes: number | null;
  reassignMinutes: number | null;
  fairLimit: number | null;
  fairMinutes: number | null;
  languages: string[];
  skills: string[];
}

const minutes = (seconds: number | undefined): number | null => (seconds ? Math.round((seconds / 60) * 100) / 100 : null);
const seconds = (value: number | null): number => Math.round((value ?? 0) * 60);

export function teamForm(team: TeamFull | null): TeamForm {
  const s = team?.settings;
  return {
    name: team?.name ?? "", key: team?.key ?? "", member_ids: [...(team?.member_ids ?? [])], auto: s?.auto_assign ?? true,
    strategy: s?.strategy ?? "round_robin", overflowTeam: s?.overflow_team_id ?? 0, overflowMinutes: minutes(s?.overflow_after_s),
    lateMinutes: team ? minutes(s?.late_after_s) : 3, reassignMinutes: team ? minutes(s?.reassign_after_s) : 2,
    fairLimit: s?.fair_limit || null, fairMinutes: minutes(s?.fair_window_s ?? 3600), languages: [...(s?.languages ?? [])], skills: [...(s?.skills ?? [])],
  };
}

export function teamSettings(form: TeamForm): TeamSettings {
  return {
    auto_assign: form.auto, strategy: form.strategy, overflow_team_id: form.overflowTeam || null,
    overflow_after_s: form.overflowTeam ? seconds(form.overflowMinutes) : 0, late_after_s: seconds(form.lateMinutes),
    reassign_after_s: seconds(form.reassignMinutes), fair_limit: form.fairLimit ?? 0, fair_window_s: seconds(form.fairMinutes) || 3600,
    languages: form.languages, skills: form.skills,
  };
}
