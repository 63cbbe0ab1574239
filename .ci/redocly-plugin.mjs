// Takes the examples out that are wrong on purpose (`x-invalid: true`): the documents show how they are refused. Every
// other example must fit its schema.
export default () => ({
  id: "examples",
  preprocessors: {
    oas3: {
      "without-invalid": () => ({
        MediaType(media) {
          for (const [name, example] of Object.entries(media.examples ?? {})) {
            if (example["x-invalid"] === true) delete media.examples[name];
          }
        },
      }),
    },
  },
});
