/** Light, dark or as the system has it; kept in this browser. */

import { darkTheme } from "naive-ui";
import { computed, ref, watchEffect } from "vue";
import { FONT, cssVariables, dark, light, naiveTheme } from "./tokens";

export type ThemeWish = "system" | "light" | "dark";

const KEY = "zhike:theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const systemDark = ref(system.matches);
system.addEventListener("change", (event) => (systemDark.value = event.matches));

export const themeWish = ref<ThemeWish>((localStorage.getItem(KEY) as ThemeWish | null) ?? "system");
export const isDark = computed(() => (themeWish.value === "system" ? systemDark.value : themeWish.value === "dark"));
const palette = computed(() => (isDark.value ? dark : light));

export const naive = computed(() => (isDark.value ? darkTheme : null));
export const overrides = computed(() => naiveTheme(palette.value));

export function setTheme(wish: ThemeWish): void {
  themeWish.value = wish;
  localStorage.setItem(KEY, wish);
}

watchEffect(() => {
  const root = document.documentElement;
  root.style.cssText = `${cssVariables(palette.value)};--font:${FONT};color-scheme:${isDark.value ? "dark" : "light"}`;
});
