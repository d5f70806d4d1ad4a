/** Files out of what people paste, drop and choose. */

import { ref, type Ref } from "vue";

/** What a chooser offers. Pictures by their kinds, so that a phone turns its own format into one of them. */
export const TAKEN = "image/png,image/jpeg,image/gif,image/webp,audio/*,video/*,.pdf,.docx,.xlsx,.pptx,.txt,.csv,.md,.log";

/** Files only: a folder that is dropped has no bytes. */
export function filesOf(data: DataTransfer | null): File[] {
  if (!data) return [];
  const folders = new Set<string>();
  for (const item of data.items) {
    const entry = item.kind === "file" ? item.webkitGetAsEntry() : null;
    if (entry?.isDirectory) folders.add(entry.name);
  }
  return [...data.files].filter((file) => !folders.has(file.name));
}

/** Words that were copied from an office program come with a picture of themselves: the words are meant. */
export function pastedFiles(data: DataTransfer | null): File[] {
  const files = filesOf(data);
  const words = data?.getData("text/plain") ?? "";
  return words && !files.some((file) => words.includes(file.name)) ? [] : files;
}

export interface Dropping {
  over: Ref<boolean>;
  on: Record<"dragenter" | "dragover" | "dragleave" | "drop", (event: DragEvent) => void>;
}

/** Listeners for an element that takes files: `over` while some are held above it. */
export function useDropping(ready: () => boolean, take: (files: File[]) => void): Dropping {
  const over = ref(false);
  let depth = 0;
  const carries = (event: DragEvent): boolean => ready() && (event.dataTransfer?.types.includes("Files") ?? false);
  const show = (now: number): void => {
    depth = Math.max(0, now);
    over.value = depth > 0;
  };
  return {
    over,
    on: {
      dragenter: (event) => carries(event) && show(depth + 1),
      dragover: (event) => {
        if (!carries(event)) return;
        event.preventDefault();
        if (event.dataTransfer) event.dataTransfer.dropEffect = "copy";
      },
      dragleave: (event) => carries(event) && show(depth - 1),
      drop: (event) => {
        if (!carries(event)) return;
        event.preventDefault();
        show(0);
        take(filesOf(event.dataTransfer));
      },
    },
  };
}
