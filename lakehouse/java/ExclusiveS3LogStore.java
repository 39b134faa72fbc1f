package lakehouse;

import io.delta.storage.S3SingleDriverLogStore;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.util.Arrays;
import java.util.Iterator;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Writes a commit to S3 only where there is none of its number, whoever else commits at the same moment, on whichever machine.
 *
 * Delta's own store looks first and writes then, which keeps apart the threads of one driver alone. Here the store itself refuses
 * a second commit (a PUT with If-None-Match). A PUT that S3A repeated, because its answer was lost, may be refused for the sake of
 * its own first try: so what is there is compared, and every commit has an id of its own in it.
 */
public class ExclusiveS3LogStore extends S3SingleDriverLogStore {

    public ExclusiveS3LogStore(Configuration conf) {
        super(conf);
    }

    public void write(Path path, Iterator actions, Boolean overwrite, Configuration conf) throws IOException {
        if (overwrite.booleanValue()) {
            super.write(path, actions, overwrite, conf);
            return;
        }
        ByteArrayOutputStream lines = new ByteArrayOutputStream();
        while (actions.hasNext()) {
            lines.write((((String) actions.next()) + "\n").getBytes(StandardCharsets.UTF_8));
        }
        FileSystem fs = path.getFileSystem(conf);
        try {
            FSDataOutputStream out = create(fs, path);
            out.write(lines.toByteArray());
            out.close();
        } catch (IOException error) {
            if (!isRefused(error)) {
                throw error;
            }
            if (!Arrays.equals(read(fs, path), lines.toByteArray())) {
                throw new FileAlreadyExistsException(path.toString());
            }
        }
    }

    private static FSDataOutputStream create(FileSystem fs, Path path) throws IOException {
        org.apache.hadoop.fs.FSDataOutputStreamBuilder builder = fs.createFile(path);
        builder.create();
        builder.recursive();
        builder.must("fs.option.create.conditional.overwrite", true);
        return (FSDataOutputStream) builder.build();
    }

    private static boolean isRefused(Throwable error) {
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            String name = cause.getClass().getName();
            if (name.endsWith("RemoteFileChangedException") || cause instanceof org.apache.hadoop.fs.FileAlreadyExistsException) {
                return true;
            }
        }
        return false;
    }

    private static byte[] read(FileSystem fs, Path path) throws IOException {
        InputStream in = fs.open(path);
        try {
            return in.readAllBytes();
        } finally {
            in.close();
        }
    }
}
