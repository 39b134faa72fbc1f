package lakehouse;

import io.delta.storage.HDFSLogStore;
import java.io.File;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Lists a table's log in a folder by names, and looks only at the files that are asked for.
 *
 * Delta's own store asks Hadoop for the whole folder, which makes an object of each file, and drops those before the version that is
 * wanted. A stream asks several times in each micro-batch, always for the newest few, and a log that gets a commit every second has a
 * hundred thousand files after a day.
 */
public class FolderLogStore extends HDFSLogStore {

    public FolderLogStore(Configuration conf) {
        super(conf);
    }

    public Iterator listFrom(Path path, Configuration conf) throws IOException {
        FileSystem fs = path.getFileSystem(conf);
        Path folder = path.getParent();
        String[] names = new File(folder.toUri().getPath()).list();
        if (names == null) {
            throw new FileNotFoundException("No such file or directory: " + folder);
        }
        ArrayList wanted = new ArrayList();
        for (int i = 0; i < names.length; i++) {
            if (names[i].compareTo(path.getName()) >= 0) {
                wanted.add(names[i]);
            }
        }
        Collections.sort(wanted);
        ArrayList found = new ArrayList();
        for (int i = 0; i < wanted.size(); i++) {
            try {
                found.add(fs.getFileStatus(new Path(folder, new Path(null, null, (String) wanted.get(i)))));
            } catch (FileNotFoundException error) {
                // It was deleted meanwhile.
            }
        }
        return found.iterator();
    }
}
