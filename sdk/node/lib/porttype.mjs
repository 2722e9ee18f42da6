// Types of ports as the workflow language spells them: `bytes`, `list<optional<json>>`, ….

const PLAIN = new Set(["bytes", "text", "json", "int", "float", "bool", "array", "file", "any", "pipe"]);
const NESTING = new Set(["list", "stream", "optional"]);

export class PortType {
  constructor(head, inner) {
    this.head = head;
    this.inner = inner;
  }

  // This type without `optional`.
  get plain() {
    return this.head === "optional" ? this.inner.plain : this;
  }

  get isList() {
    return this.plain.head === "list" || this.plain.head === "stream";
  }

  toString() {
    return this.inner ? `${this.head}<${this.inner}>` : this.head;
  }
}

export const ANY = new PortType("any");

export function parseType(text) {
  text = text.trim();
  if (PLAIN.has(text)) return new PortType(text);
  if (text === "list" || text === "stream") return new PortType(text, ANY);
  const bracket = text.indexOf("<");
  const head = text.slice(0, bracket);
  if (bracket > 0 && NESTING.has(head) && text.endsWith(">")) {
    return new PortType(head, parseType(text.slice(bracket + 1, -1)));
  }
  throw new TypeError(`unknown type \`${text}\``);
}
