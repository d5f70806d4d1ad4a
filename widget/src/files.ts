/** Files: uploading one, and showing those of a message. A file is read by a link that is asked for and expires. */

import { h, icon } from "./dom";
import type { Translate } from "./i18n";
import { Refused } from "./link";
import { safeUrl } from "./linkify";
import type { Attachment, ErrorBody } from "./wire";

export type Links = (id: number) => Promise<{ url: string; expires_at: string }>;

/** Sends a file's bytes as they are. Throws {@link Refused}. */
export async function upload(base: string, token: string, lang: string, file: File): Promise<Attachment> {
  const name = encodeURIComponent(file.name.slice(0, 300) || "file");
  const answer = await fetch(`${base}/api/v1/visitor/files?name=${name}`, {
    method: "POST", credentials: "omit", body: file,
    headers: { "Content-Type": "application/octet-stream", "Accept-Language": lang, Authorization: `Bearer ${token}` },
  });
  const said = (await answer.json().catch(() => null)) as (Attachment & { error?: ErrorBody }) | null;
  if (!answer.ok || !said) throw new Refused(answer.status, said?.error ?? null);
  return said;
}

function sizeOf(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Pictures, players, and everything else as a name to open. */
export function filesOf(list: readonly Attachment[], base: string, links: Links, t: Translate): HTMLElement {
  const box = h("div", { class: "cards" });
  for (const file of list) {
    const link = h("a", { class: "card", target: "_blank", rel: "noopener noreferrer" });
    const name = h("b", {}, file.name);
    const size = h("span", {}, sizeOf(file.size_bytes));
    const image = file.kind === "image" && h("img", { alt: file.name, width: file.width, height: file.height, style: "height:auto" });
    if (image) link.append(image);
    else link.append(name, size);
    const amr = file.type.startsWith("audio/amr");
    const player = (file.kind === "audio" || file.kind === "video")
      && h(file.kind, { controls: true, preload: amr ? "none" : "metadata", class: "play", "aria-label": file.name });
    let expires = 0;
    const ask = async (): Promise<string> => {
      const found = await links(file.id);
      expires = Date.parse(found.expires_at);
      const url = safeUrl(base + found.url, location.href);
      link.href = url;
      if (image) image.src = url;
      if (player && !player.src && !amr) player.src = url;
      return url;
    };
    const failed = (): void => void (image && image.replaceWith(name, size));
    if (image) image.onerror = failed;
    link.onclick = (event) => {
      if (expires > Date.now()) return;
      event.preventDefault();
      void ask().then((url) => open(url, "_blank", "noopener"), failed);
    };
    void ask().catch(failed);
    box.append(link);
    if (player) box.append(amr ? decoded(player, ask, base, t) : player);
  }
  return box;
}

/** AMR is what phones record and no browser plays: whoever wants to hear it loads the decoder. Where the shop's
 * page does not let it work, the file is still there to be saved. */
function decoded(player: HTMLMediaElement, ask: () => Promise<string>, base: string, t: Translate): HTMLElement {
  const button = h("button", { class: "act", type: "button" }, `▶ ${t("listen")}`);
  button.onclick = async () => {
    button.disabled = true;
    try {
      const url = await ask();
      const { wavOf } = (await import(/* @vite-ignore */ `${base}/widget-amr.js`)) as typeof import("./amr");
      const { wav } = await wavOf(await (await fetch(url)).arrayBuffer());
      player.src = URL.createObjectURL(wav!);
      button.replaceWith(player);
      await player.play();
    } catch {
      button.replaceWith(h("span", {}, t("unheard")));
    }
  };
  return button;
}

/** A button that chooses files, and what is pasted or dropped. `take` gets each; one at a time. */
export function chooser(label: string, target: HTMLElement, take: (file: File) => void): HTMLElement {
  const input = h("input", { type: "file", multiple: true, hidden: true, tabindex: -1 });
  input.onchange = () => {
    for (const file of input.files ?? []) take(file);
    input.value = "";
  };
  const taken = (event: Event, data: DataTransfer | null): void => {
    if (!data?.files.length) return;
    event.preventDefault();
    for (const file of data.files) take(file);
  };
  target.addEventListener("paste", (event) => taken(event, event.clipboardData));
  target.addEventListener("dragover", (event) => event.dataTransfer?.types.includes("Files") && event.preventDefault());
  target.addEventListener("drop", (event) => taken(event, event.dataTransfer));
  return h("span", {}, input, h("button", { class: "clipb", type: "button", "aria-label": label, title: label,
    onclick: () => input.click() }, icon("clip")));
}
