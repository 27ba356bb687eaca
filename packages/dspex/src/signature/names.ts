/** Words that both parsers, the compiler's and the run time's, must agree on. */

export const pythonKeywords = [
  ...(["False", "None", "True", "and", "as", "assert", "async", "await", "break"] as const),
  ...(["class", "continue", "def", "del", "elif", "else", "except", "finally", "for"] as const),
  ...(["from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or"] as const),
  ...(["pass", "raise", "return", "try", "while", "with", "yield"] as const),
] as const;

/** Attributes of DSPy's `Signature` class, pydantic's among them: a field would hide one. */
export const reservedNames = [
  ...(["instructions", "fields", "signature", "input_fields", "output_fields"] as const),
  ...(["append", "append_instructions", "construct", "copy", "delete", "dict"] as const),
  ...(["dump_state", "equals", "from_orm", "insert", "json", "load_state"] as const),
  ...(["model_computed_fields", "model_config", "model_construct", "model_copy"] as const),
  ...(["model_dump", "model_dump_json", "model_extra", "model_fields"] as const),
  ...(["model_fields_set", "model_json_schema", "model_parametrized_name"] as const),
  ...(["model_post_init", "model_rebuild", "model_validate", "model_validate_json"] as const),
  ...(["model_validate_strings", "parse_file", "parse_obj", "parse_raw", "prepend"] as const),
  ...(["schema", "schema_json", "update_forward_refs", "validate"] as const),
  ...(["with_instructions", "with_updated_fields"] as const),
] as const;

/** Keyword arguments that DSPy's `Predict` takes for itself: such an input reaches no prompt. */
export const reservedInputs = ["demos", "config", "lm", "new_signature"] as const;

/** What people write who come from TypeScript or JSON, and what Python calls it. */
export const foreignTypes = {
  string: "str",
  String: "str",
  text: "str",
  number: "float or int",
  Number: "float or int",
  integer: "int",
  double: "float",
  boolean: "bool",
  Boolean: "bool",
  array: "list",
  Array: "list[...]",
  object: "dict or Any",
  Object: "dict or Any",
  Record: "dict[str, ...]",
  any: "Any",
  unknown: "Any",
  null: "None",
  undefined: "None",
  Date: "datetime.datetime",
  enum: "Literal[...]",
} as const;
