import type { Priority } from "@/api/types";
import type { Key } from "@/i18n";

export const PRIORITY: Record<Priority, Key> = { 0: "priority.0", 1: "priority.1", 2: "priority.2", 3: "priority.3", 4: "priority.4" };
