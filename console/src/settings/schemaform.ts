/** A form from the JSON schema of a tool's arguments, and its values as arguments. */

export interface SchemaField {
  name: string;
  kind: "text" | "number" | "switch" | "choice" | "json";
  label: string;
  hint: string;
  required: boolean;
  choices: string[];
  whole: boolean;
}
export type SchemaValue = string | number | boolean | null;

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** What can be filled in. What the schema says wrongly is left to the server, which names it. */
export function schemaFields(schema: unknown): SchemaField[] {
  if (!isRecord(schema) || !isRecord(schema["properties"])) return [];
  const required = Array.isArray(schema["required"]) ? schema["required"] : [];
  return Object.entries(schema["properties"]).map(([name, raw]) => {
    const field = isRecord(raw) ? raw : {};
    const type = text(field["type"]);
    const choices = Array.isArray(field["enum"]) ? field["enum"].map(String) : [];
    const kind = choices.length ? "choice" : type === "integer" || type === "number" ? "number" : type === "boolean" ? "switch" : type === "array" || type === "object" ? "json" : "text";
    const title = text(field["title"]);
    return { name, kind, label: title && title !== name ? `${title} (${name})` : name, hint: text(field["description"]), required: required.includes(name), choices, whole: type === "integer" };
  });
}

/** What a field holds before anybody fills it in: the schema's own default or first example. */
export function firstValue(schema: unknown, field: SchemaField): SchemaValue {
  const properties = isRecord(schema) && isRecord(schema["properties"]) ? schema["properties"] : {};
  const raw = properties[field.name];
  const given = isRecord(raw) ? (raw["default"] ?? (Array.isArray(raw["examples"]) ? raw["examples"][0] : undefined)) : undefined;
  if (field.kind === "json") return given === undefined ? "" : JSON.stringify(given);
  if (typeof given === "string" || typeof given === "number" || typeof given === "boolean") return given;
  return field.kind === "number" || field.kind === "choice" ? null : field.kind === "switch" ? false : "";
}

/** Arguments as a model or a flow would give them: what is empty is not given. `wrong`: fields that are no JSON. */
export function argumentsOf(schema: unknown, fields: SchemaField[], values: Record<string, SchemaValue | undefined>): { given: Record<string, unknown>; wrong: string[] } {
  const given: Record<string, unknown> = {};
  const wrong: string[] = [];
  const properties = isRecord(schema) && isRecord(schema["properties"]) ? schema["properties"] : {};
  for (const field of fields) {
    const value = values[field.name];
    if (value === undefined || value === null || (typeof value === "string" && value.trim() === "")) continue;
    if (field.kind === "switch" && value === false && !field.required) continue;
    if (field.kind === "json") {
      try {
        given[field.name] = JSON.parse(String(value));
      } catch {
        wrong.push(field.name);
      }
    } else if (field.kind === "choice") {
      const raw = properties[field.name];
      const choices = isRecord(raw) && Array.isArray(raw["enum"]) ? raw["enum"] : [];
      given[field.name] = choices.find((one) => String(one) === value) ?? value;
    } else given[field.name] = value;
  }
  return { given, wrong };
}
