migrate((app) => {
  const users = app.findCollectionByNameOrId("users")
  app.save(new Collection({
    type: "base", name: "notes",
    listRule: "owner = @request.auth.id", viewRule: "owner = @request.auth.id",
    createRule: "owner = @request.auth.id", updateRule: "owner = @request.auth.id", deleteRule: "owner = @request.auth.id",
    fields: [
      { type: "relation", name: "owner", collectionId: users.id, maxSelect: 1, required: true, cascadeDelete: true },
      { type: "text", name: "text", max: 5000 },
      { type: "autodate", name: "created", onCreate: true },
    ],
  }))
}, (app) => { app.delete(app.findCollectionByNameOrId("notes")) })
