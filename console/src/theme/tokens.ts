/** The one list of colours and sizes: CSS variables and Naive UI's theme are made from it. */

import type { GlobalThemeOverrides } from "naive-ui";

export interface Palette {
  accent: string;
  accentHover: string;
  accentSoft: string;
  onAccent: string;
  page: string;
  surface: string;
  raised: string;
  tint: string;
  hover: string;
  line: string;
  text: string;
  soft: string;
  faint: string;
  green: string;
  greenSoft: string;
  amber: string;
  amberSoft: string;
  red: string;
  redSoft: string;
  note: string;
  noteLine: string;
  shadow: string;
}

/* Every text colour stands at 4.5:1 or more on surface, page and its own soft background. */
export const light: Palette = {
  accent: "#2456e6", accentHover: "#1c47c4", accentSoft: "#e9effd", onAccent: "#ffffff",
  page: "#f6f7f9", surface: "#ffffff", raised: "#ffffff", tint: "#f3f5f8", hover: "#f0f2f5", line: "#e3e6eb",
  text: "#16181d", soft: "#555c69", faint: "#6a7180",
  green: "#0f6b3b", greenSoft: "#e5f5ec", amber: "#8a5300", amberSoft: "#fff3d9", red: "#b3261e", redSoft: "#fdecea",
  note: "#fff9e8", noteLine: "#eedfae", shadow: "0 8px 28px rgba(16,24,40,.14)",
};

export const dark: Palette = {
  accent: "#86a7ff", accentHover: "#a3bcff", accentSoft: "#22304f", onAccent: "#0b1020",
  page: "#0f1115", surface: "#16181d", raised: "#1d2026", tint: "#20242b", hover: "#23272f", line: "#2d323b",
  text: "#eceef2", soft: "#aab1be", faint: "#9aa2b0",
  green: "#74d8a2", greenSoft: "#12301f", amber: "#f2c46b", amberSoft: "#33290f", red: "#ff9389", redSoft: "#3b1a17",
  note: "#2b2614", noteLine: "#514722", shadow: "0 8px 28px rgba(0,0,0,.6)",
};

export const FONT =
  'system-ui,-apple-system,"Segoe UI","PingFang SC","Hiragino Sans GB","Microsoft YaHei","Noto Sans CJK SC","Noto Sans SC",sans-serif';

export function cssVariables(palette: Palette): string {
  return Object.entries(palette)
    .map(([name, value]) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}:${value}`)
    .join(";");
}

export function naiveTheme(p: Palette): GlobalThemeOverrides {
  return {
    common: {
      primaryColor: p.accent, primaryColorHover: p.accentHover, primaryColorPressed: p.accentHover,
      primaryColorSuppl: p.accent, infoColor: p.accent, infoColorHover: p.accentHover,
      successColor: p.green, warningColor: p.amber, errorColor: p.red, errorColorHover: p.red,
      textColorBase: p.text, textColor1: p.text, textColor2: p.text, textColor3: p.soft,
      placeholderColor: p.faint, bodyColor: p.page, cardColor: p.surface, modalColor: p.raised,
      popoverColor: p.raised, tableColor: p.surface, inputColor: p.surface, borderColor: p.line,
      dividerColor: p.line, hoverColor: p.hover, tableHeaderColor: p.tint, actionColor: p.tint,
      borderRadius: "8px", borderRadiusSmall: "6px", fontFamily: FONT, fontSize: "14px",
      fontSizeMedium: "14px", fontSizeSmall: "13px", lineHeight: "1.5", heightMedium: "36px",
      cubicBezierEaseInOut: "ease-out",
    },
    Button: {
      textColorPrimary: p.onAccent, textColorHoverPrimary: p.onAccent, textColorPressedPrimary: p.onAccent,
      textColorFocusPrimary: p.onAccent, textColorDisabledPrimary: p.onAccent, fontWeight: "500",
    },
    // The dark theme of the library draws inputs without a border; ours look the same in both.
    Input: { border: `1px solid ${p.line}`, borderDisabled: `1px solid ${p.line}`, color: p.surface, colorFocus: p.surface,
      borderHover: `1px solid ${p.accent}`, borderFocus: `1px solid ${p.accent}`, colorDisabled: p.tint, textColorDisabled: p.soft },
    Select: { peers: { InternalSelection: { border: `1px solid ${p.line}`, color: p.surface, colorActive: p.surface, colorDisabled: p.tint, textColorDisabled: p.soft } } },
    Tooltip: { color: p.text, textColor: p.surface },
    DataTable: { thFontWeight: "500", thTextColor: p.soft },
  };
}
