import js from "@eslint/js";
import globals from "globals";

export default [
  {
    ...js.configs.recommended,
    files: ["teachkit/**/*.js"],
    languageOptions: { globals: globals.browser },
    rules: { ...js.configs.recommended.rules, "no-shadow": "error" },
  },
];
